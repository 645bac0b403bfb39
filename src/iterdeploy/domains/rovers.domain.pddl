; Rovers explore waypoints, take samples and pictures, and report to a lander.
; Names and actions are those of the IPC-2023 Learning Track, so its problems and plans fit.
(define (domain rover)
  (:requirements :strips :typing)
  (:types rover waypoint store camera mode lander objective)

  (:predicates
    ; the ground: what can be seen from where, and which way each rover can take
    (visible ?w - waypoint ?p - waypoint)
    (can_traverse ?r - rover ?x - waypoint ?y - waypoint)
    (visible_from ?o - objective ?w - waypoint)
    (at_soil_sample ?w - waypoint)
    (at_rock_sample ?w - waypoint)
    (at_lander ?x - lander ?y - waypoint)
    ; the rovers and what they carry
    (at ?x - rover ?y - waypoint)
    (equipped_for_soil_analysis ?r - rover)
    (equipped_for_rock_analysis ?r - rover)
    (equipped_for_imaging ?r - rover)
    (store_of ?s - store ?r - rover)
    (empty ?s - store)
    (full ?s - store)
    (on_board ?i - camera ?r - rover)
    (supports ?c - camera ?m - mode)
    (calibration_target ?i - camera ?o - objective)
    (calibrated ?c - camera ?r - rover)
    ; what was found, and what the lander knows of it
    (have_soil_analysis ?r - rover ?w - waypoint)
    (have_rock_analysis ?r - rover ?w - waypoint)
    (have_image ?r - rover ?o - objective ?m - mode)
    (communicated_soil_data ?w - waypoint)
    (communicated_rock_data ?w - waypoint)
    (communicated_image_data ?o - objective ?m - mode))

  (:action navigate
    :parameters (?x - rover ?y - waypoint ?z - waypoint)
    :precondition (and (at ?x ?y) (can_traverse ?x ?y ?z) (visible ?y ?z))
    :effect (and (at ?x ?z) (not (at ?x ?y))))

  ; A sample fills the store until it is dropped; its analysis is kept.
  (:action sample_soil
    :parameters (?x - rover ?s - store ?p - waypoint)
    :precondition (and (at ?x ?p) (at_soil_sample ?p) (equipped_for_soil_analysis ?x) (store_of ?s ?x) (empty ?s))
    :effect (and (full ?s) (have_soil_analysis ?x ?p) (not (empty ?s)) (not (at_soil_sample ?p))))

  (:action sample_rock
    :parameters (?x - rover ?s - store ?p - waypoint)
    :precondition (and (at ?x ?p) (at_rock_sample ?p) (equipped_for_rock_analysis ?x) (store_of ?s ?x) (empty ?s))
    :effect (and (full ?s) (have_rock_analysis ?x ?p) (not (empty ?s)) (not (at_rock_sample ?p))))

  (:action drop
    :parameters (?x - rover ?y - store)
    :precondition (and (store_of ?y ?x) (full ?y))
    :effect (and (empty ?y) (not (full ?y))))

  ; A camera is calibrated for one picture.
  (:action calibrate
    :parameters (?r - rover ?i - camera ?t - objective ?w - waypoint)
    :precondition (and (equipped_for_imaging ?r) (on_board ?i ?r) (calibration_target ?i ?t) (at ?r ?w)
      (visible_from ?t ?w))
    :effect (calibrated ?i ?r))

  (:action take_image
    :parameters (?r - rover ?p - waypoint ?o - objective ?i - camera ?m - mode)
    :precondition (and (equipped_for_imaging ?r) (on_board ?i ?r) (calibrated ?i ?r) (supports ?i ?m) (at ?r ?p)
      (visible_from ?o ?p))
    :effect (and (have_image ?r ?o ?m) (not (calibrated ?i ?r))))

  ; ?x is where the rover is, ?y where the lander stands.
  (:action communicate_soil_data
    :parameters (?r - rover ?l - lander ?p - waypoint ?x - waypoint ?y - waypoint)
    :precondition (and (have_soil_analysis ?r ?p) (at ?r ?x) (at_lander ?l ?y) (visible ?x ?y))
    :effect (communicated_soil_data ?p))

  (:action communicate_rock_data
    :parameters (?r - rover ?l - lander ?p - waypoint ?x - waypoint ?y - waypoint)
    :precondition (and (have_rock_analysis ?r ?p) (at ?r ?x) (at_lander ?l ?y) (visible ?x ?y))
    :effect (communicated_rock_data ?p))

  (:action communicate_image_data
    :parameters (?r - rover ?l - lander ?o - objective ?m - mode ?x - waypoint ?y - waypoint)
    :precondition (and (have_image ?r ?o ?m) (at ?r ?x) (at_lander ?l ?y) (visible ?x ?y))
    :effect (communicated_image_data ?o ?m)))

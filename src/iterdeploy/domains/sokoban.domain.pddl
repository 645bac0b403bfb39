; A robot pushes boxes through a walled room, one at a time; it can never pull.
; Names and actions are those of the IPC-2023 Learning Track, so its problems and plans fit.
(define (domain sokoban)
  (:requirements :strips :typing)
  (:types location direction box)
  (:constants down up left right - direction)

  (:predicates
    (at-robot ?l - location)
    (at ?o - box ?l - location)
    ; ?l2 is the next location from ?l1 in direction ?d; walls are what is not there
    (adjacent ?l1 - location ?l2 - location ?d - direction)
    ; no box stands there; the robot may
    (clear ?l - location))

  (:action move
    :parameters (?from - location ?to - location ?dir - direction)
    :precondition (and (at-robot ?from) (adjacent ?from ?to ?dir) (clear ?to))
    :effect (and (at-robot ?to) (not (at-robot ?from))))

  ; Robot, box and floor are three locations in a line.
  (:action push
    :parameters (?rloc - location ?bloc - location ?floc - location ?dir - direction ?b - box)
    :precondition (and (at-robot ?rloc) (at ?b ?bloc) (adjacent ?rloc ?bloc ?dir) (adjacent ?bloc ?floc ?dir)
      (clear ?floc))
    :effect (and (at-robot ?bloc) (at ?b ?floc) (clear ?bloc) (not (at-robot ?rloc)) (not (at ?b ?bloc))
      (not (clear ?floc)))))

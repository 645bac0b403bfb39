"""Small tokenizers with chat templates in the manner of the main families, written here in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

THINKING = """
{%- macro stripped(text) -%}{{ text.split('</think>')[-1].lstrip('\n') }}{%- endmacro -%}
{%- for turn in messages -%}
<|im_start|>{{ turn.role }}{{ '\n' }}
{%- if turn.role == 'assistant' and not loop.last -%}{{ stripped(turn.content) }}
{%- else -%}{{ turn.content }}{%- endif -%}<|im_end|>{{ '\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant{{ '\n<think>\n' }}{%- endif -%}
"""
"""ChatML as models write it that always think: the prompt opens the reasoning, earlier turns lose it."""

CHATML = THINKING.replace("<think>\n", "")
"""The same where the model itself opens its reasoning, or has none."""

FORGETFUL = THINKING.replace(" and not loop.last", "")
"""Every answer loses its reasoning when it is rendered again, the last one too."""

LLAMA = """{{- bos_token -}}
{%- set said = messages[0].content if messages[0].role == 'system' else '' -%}
<|head|>system<|/head|>{{ '\n\n' }}Today is {{ strftime_now('%d %b %Y') }}.{{ '\n' + said }}<|eot|>
{%- for turn in messages if turn.role != 'system' -%}
<|head|>{{ turn.role }}<|/head|>{{ '\n\n' + turn.content | trim }}<|eot|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|head|>assistant<|/head|>{{ '\n\n' }}{%- endif -%}
"""
"""Headers, a system message of its own with the date of today, and text that is trimmed."""

GEMMA = """{{- bos_token -}}
{%- if messages[0].role == 'system' -%}{{ raise_exception('there is no system role') }}{%- endif -%}
{%- for turn in messages -%}
<turn>{{ 'model' if turn.role == 'assistant' else turn.role }}{{ '\n' + turn.content | trim }}<end_of_turn>{{ '\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}<turn>model{{ '\n' }}{%- endif -%}
"""
"""Turns of a user and a model, and no system role."""

MISTRAL = """{{- bos_token -}}
{%- for turn in messages -%}
{%- if (turn.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('roles must alternate') }}{%- endif -%}
{%- if turn.role == 'user' -%}[INST] {{ turn.content }} [/INST]
{%- else -%}{{ ' ' + turn.content + eos_token }}{%- endif -%}
{%- endfor -%}
"""
"""No words for where an answer begins, and the tokenizer's own end token after it."""

RAISING = "{{- raise_exception('this model only follows a system message') -}}"

TURNS = ("<|im_start|>", "<|im_end|>", "<|head|>", "<|/head|>", "<|eot|>", "<turn>", "<end_of_turn>")


def tokenizer(template: str | None, adds_bos: bool = False, turns: Sequence[str] = TURNS) -> Any:
    """A tokenizer of bytes: any text comes back exactly; `turns` are tokens of their own, and special."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    made: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    made.add_special_tokens({"extra_special_tokens": list(turns)})
    if adds_bos:
        made.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", made.bos_token_id)]
        )
    made.chat_template = template
    return made


def id_of(made: Any, token: str) -> int:
    """The number of a token."""
    found: int = made.convert_tokens_to_ids(token)
    return found

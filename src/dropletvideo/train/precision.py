"""Matrix products in bfloat16 with float32 sums and float32 weights, where the processor does them faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

MatmulPrecision = Literal["auto", "float32", "bfloat16"]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products of bfloat16 are quicker than those of float32 there."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


@contextmanager
def matmul_precision(wanted: MatmulPrecision, device: torch.device) -> Iterator[bool]:
    """Inside the block, float32 matrix products may round their factors to bfloat16; yields whether they do.

    "auto" does so where it is quicker. On a CPU the fused attention is then left out: its many small products are
    three times slower that way, while the plain one gains (measured with AVX512-BF16).
    """
    if wanted == "float32" or (wanted == "auto" and not has_fast_bfloat16(device)):
        yield False
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with ExitStack() as stack:
            if device.type == "cpu":
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield True
    finally:
        torch.set_float32_matmul_precision(before)

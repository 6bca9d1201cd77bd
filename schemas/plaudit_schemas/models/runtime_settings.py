"""Settings of the runtime that models run on."""

from typing import Literal

from pydantic import Field

from plaudit_schemas.settings import Settings


class RuntimeSettings(Settings):
    """How ONNX Runtime runs a model. `plaudit scorer` and the commands that score share them."""

    onnx_provider: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where models run: cpu; cuda, which refuses to start without CUDA; auto, which takes "
        "CUDA if it works and the CPU if not",
    )
    onnx_device: int = Field(default=0, ge=0, description="Number of the CUDA device")
    onnx_gpu_memory_mb: int = Field(
        default=0, ge=0, description="Most MiB of CUDA memory for a model; 0: all that is free"
    )
    onnx_arena: Literal["next_power_of_two", "same_as_requested"] = Field(
        default="same_as_requested",
        description="By how much CUDA memory grows: the next power of two is faster and takes more",
    )
    onnx_cudnn_search: Literal["exhaustive", "heuristic", "default"] = Field(
        default="heuristic", description="How cuDNN chooses the algorithm of a convolution"
    )
    onnx_threads: int = Field(default=1, ge=1, description="Threads for one model on the CPU")
    onnx_batch_tokens: int = Field(
        default=0,
        ge=0,
        description="Most tokens of a batch, padding included; 0: 1024 on the CPU and 16384 on CUDA",
    )

    def batch_tokens(self, *, cuda: bool) -> int:
        """Most tokens of a batch, padding included."""
        return self.onnx_batch_tokens or (16_384 if cuda else 1024)

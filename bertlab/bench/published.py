"""Published pre-trainings of BERTs, and how far the formula of `budget` is from the hours that they report."""

from dataclasses import dataclass

from ..budget import DEVICES, count_training_flops
from ..model import BertConfig

UTILISATION = 0.3
BASE = BertConfig.preset("base")
LARGE = BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
ROBERTA = BertConfig(vocab_size=50265, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
                     intermediate_size=4096)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A pre-training as its authors describe it; the one of the README is what they recommend.

    `phases` are (steps, rows a step, tokens a row, words to predict); with `every` the program scores every token.
    """

    name: str
    year: int
    config: BertConfig
    phases: tuple[tuple[int, int, int, int], ...]
    device: str
    chips: int
    hours: float
    source: str
    every: bool = False


BERT_PHASES = ((900_000, 256, 128, 20), (100_000, 256, 512, 77))
# NVIDIA's steps; You et al. took 8,599 in all, two less. The words to predict are those of the programs' files.
LAMB_PHASES = ((7_038, 65_536, 128, 20), (1_563, 32_768, 512, 80))
PAPER = "Devlin et al. 2018, appendix A.2"
NVIDIA = "NVIDIA/DeepLearningExamples, README and modeling.py of BERT for PyTorch of 2019"
RUNS = (
    Run("BERT-base, paper", 2018, BASE, BERT_PHASES, "tpu-v2", 16, 96, PAPER),
    Run("BERT-large, paper", 2018, LARGE, BERT_PHASES, "tpu-v2", 64, 96, PAPER),
    Run("BERT-base, README", 2018, BASE, BERT_PHASES, "tpu-v2", 4, 14 * 24, "google-research/bert, README"),
    Run("RoBERTa, 100,000 steps", 2019, ROBERTA, ((100_000, 8192, 512, 77),), "v100", 1024, 24,
        "Liu et al. 2019, section 5"),
    Run("BERT-large, LAMB paper", 2019, LARGE, ((900_000, 512, 128, 20), (100_000, 512, 512, 77)), "tpu-v3", 16, 81.4,
        "You et al. 2019, arXiv 1904.00962v1, table 1"),
    Run("BERT-large in 76 minutes", 2019, LARGE, LAMB_PHASES, "tpu-v3", 1024, 76.19 / 60,
        "You et al. 2019, arXiv 1904.00962v1, table 1"),
    Run("BERT-large, NVIDIA", 2019, LARGE, LAMB_PHASES, "v100", 8, 153.16, NVIDIA, every=True),
    Run("BERT-large, NVIDIA", 2019, LARGE, LAMB_PHASES, "v100", 128, 10.36, NVIDIA, every=True),
    Run("BERT-base, MosaicML", 2023, BASE, ((70_000, 4096, 128, 19),), "a100", 8, 11.5,
        "mosaicml/examples, README of the BERT benchmark and its configurations", every=True),
)  # fmt: skip


def count_run_flops(run: Run) -> float:
    """Operations of a run by formula."""
    return float(sum(
        steps * rows * count_training_flops(run.config, tokens, predicted, every=run.every).total
        for steps, rows, tokens, predicted in run.phases
    ))  # fmt: skip


def compare_run(run: Run, utilisation: float = UTILISATION) -> dict:
    """The run with its operations, the hours of the formula, and the utilisation that the reported hours stand for."""
    flops, peak = count_run_flops(run), run.chips * DEVICES[run.device].peak * 3600  # operations an hour
    formula = flops / (peak * utilisation)
    return {"name": run.name, "year": run.year, "device": run.device, "chips": run.chips, "flops": flops,
            "reported_hours": run.hours, "formula_hours": formula, "reported_to_formula": run.hours / formula,
            "utilisation": flops / (peak * run.hours), "source": run.source}  # fmt: skip


def list_comparisons(utilisation: float = UTILISATION) -> list[dict]:
    """All runs beside the formula."""
    return [compare_run(run, utilisation) for run in RUNS]

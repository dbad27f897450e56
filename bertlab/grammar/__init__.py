"""English grammar by minimal pairs: sentences that differ in one word, of which a model should prefer the grammatical
one. `python -m bertlab grammar` runs it."""

from .judging import count_right, draw_grammar, format_grammar, judge_grammar, score_sentences
from .pairs import MinimalPair, make_pairs, read_pairs

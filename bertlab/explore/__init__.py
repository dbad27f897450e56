"""Panels to play with in a notebook (ipywidgets), and the functions that compute what they show, one panel a file.

Each `_html` function renders one state of its panel without a running kernel.
"""

from .ask_box import ask_box, find_answer_ends
from .attention_box import attention_box
from .beam_box import beam_box, record_beam_steps
from .before_and_after import before_and_after
from .cost_calculator import cost_calculator
from .decision_chart import decision_chart, recommend_models
from .encoder_diagram import ENCODER_SIZES, encoder_diagram, format_shape, trace_encoder_blocks
from .error_browser import error_browser, errors_html
from .live_tokenizer import live_tokenizer
from .masked_word import guess_word, join_pieces, masked_word_box, tokenize_words
from .next_sentence import next_sentence_box, score_pairs
from .position_waves import position_waves
from .query_and_keys import attend_one_query, query_and_keys
from .saliency_box import explain_text, saliency_box
from .sentence_box import find_nearest_words, normalize_vectors, sentence_box
from .switch_heads import QUESTION, SENTENCES, embed_texts, heads_off, switch_heads
from .symptom_cards import curves_html, mix_cards, run_checks, symptom_cards, verdict_html
from .tag_box import tag_box, tag_pieces, tags_html
from .training_maps import training_maps
from .word_neighbours import UsageIndex, word_neighbours_box

"""Panels to play with in a notebook (ipywidgets). Each recomputes something real; its `_html` function needs no kernel."""

from .ask_box import ask_box, ask_html, find_answer_ends
from .attention_box import attention_box, attention_html
from .beam_box import beam_box, beam_html, find_fates, record_beam_steps
from .before_and_after import before_and_after, two_guesses_html
from .encoder_diagram import ENCODER_SIZES, encoder_diagram, format_shape, trace_encoder_blocks
from .error_browser import error_browser, errors_html, prediction_html, select_examples
from .live_tokenizer import live_tokenizer, tokenizer_html
from .masked_word import guess_word, join_pieces, masked_word_box, masked_word_html, split_into_words
from .next_sentence import next_sentence_box, score_pairs
from .position_waves import position_waves
from .query_and_keys import attend_one_query, query_and_keys
from .saliency_box import explain_text, format_token, saliency_box, saliency_html
from .sentence_box import find_nearest_words, format_neighbour, normalize_vectors, sentence_box, sentence_html
from .switch_heads import QUESTION, SENTENCES, embed_texts, heads_off, switch_heads, switch_heads_html
from .tag_box import choose_tag_colour, tag_box, tag_pieces, tags_html

__all__ = [
    "ENCODER_SIZES",
    "QUESTION",
    "SENTENCES",
    "ask_box",
    "ask_html",
    "attend_one_query",
    "attention_box",
    "attention_html",
    "beam_box",
    "beam_html",
    "before_and_after",
    "choose_tag_colour",
    "embed_texts",
    "encoder_diagram",
    "error_browser",
    "errors_html",
    "explain_text",
    "find_answer_ends",
    "find_fates",
    "find_nearest_words",
    "format_neighbour",
    "format_shape",
    "format_token",
    "guess_word",
    "heads_off",
    "join_pieces",
    "live_tokenizer",
    "masked_word_box",
    "masked_word_html",
    "next_sentence_box",
    "normalize_vectors",
    "position_waves",
    "prediction_html",
    "query_and_keys",
    "record_beam_steps",
    "saliency_box",
    "saliency_html",
    "score_pairs",
    "select_examples",
    "sentence_box",
    "sentence_html",
    "split_into_words",
    "switch_heads",
    "switch_heads_html",
    "tag_box",
    "tag_pieces",
    "tags_html",
    "tokenizer_html",
    "trace_encoder_blocks",
    "two_guesses_html",
]

"""Widgets that ask a fine-tuned model: what it got wrong, the tags of a sentence, an answer in a text, the next word.

Each recomputes what it shows when it is touched; the function that ends in `_html` draws it without a kernel.
"""

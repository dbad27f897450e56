"""Silver data: examples that rules made from the Wikipedia summaries, for want of human ones. No rule is always right.

Nothing here touches the articles of our own two tests (`annotations.held_out_titles`), so these can judge what was
learned from it.
"""

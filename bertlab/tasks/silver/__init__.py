"""Silver data: examples that rules made from the Wikipedia summaries, for want of human ones. No rule is always right."""

"""Common mistakes in the exercises of notebook 16: (exercise, a learner's code, a part of the hint)."""

LAYER = "def layer_parameters(D, I):\n    return ANSWER"
TOKEN = "def token_flops(D, I, L, T):\n    return ANSWER"
HOURS = """
def hours_and_dollars(flops, peak, chips, utilisation, price):
    hours = flops / (peak * chips * utilisation) / 3600
    return hours, hours * chips * price
"""
MEAN = "def average_gradients(gradients, counts):\n    return ANSWER"
WEIGHTED = "sum(g * n for g, n in zip(gradients, counts))"

MISTAKES = [
    ("layer_parameters", LAYER.replace("ANSWER", "4 * D * D + 2 * D * I"), "You counted the matrices"),
    (
        "layer_parameters",
        LAYER.replace("ANSWER", "4 * (D * D + D) + 2 * D * I + I + D"),
        "These are the two LayerNorms",
    ),
    (
        "layer_parameters",
        LAYER.replace("ANSWER", "3 * (D * D + D) + 2 * D * I + I + D + 4 * D"),
        "There are four: queries",
    ),
    (
        "layer_parameters",
        LAYER.replace("ANSWER", "4 * (D * D + D) + D * I + I + 4 * D"),
        "has two matrices: from D to I",
    ),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * (D * D + D) + 2 * D * I + I + 3 * D"), "There are 2 D too few"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * (D * D + D) + D * I + I + 5 * D"), "has two matrices: from D"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * D * D + 2 * D * I + I + 5 * D"), "or the biases of the four"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * D * D + 2 * D * I + 4 * D"), "The biases are missing"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * (D * D + D) + 2 * D * I + 4 * D"), "feed-forward network are"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * (D * D + D) + 2 * D * I + 2 * I + 4 * D"), "differ in size"),
    ("layer_parameters", LAYER.replace("ANSWER", "4 * (D * D + D) + 2 * D * I + 2 * D + 4 * D"), "differ in size"),
    ("layer_parameters", LAYER.replace("ANSWER", "12 * D * D"), "only where I is 4 D"),
    ("token_flops", TOKEN.replace("ANSWER", "3 * L * (4 * D * D + 2 * D * I + 2 * T * D)"), "are two operations"),
    ("token_flops", TOKEN.replace("ANSWER", "2 * L * (4 * D * D + 2 * D * I)"), "This is the forward pass"),
    ("token_flops", TOKEN.replace("ANSWER", "4 * L * (4 * D * D + 2 * D * I)"), "like the forward pass"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * (4 * D * D + 2 * D * I)"), "You counted one layer"),
    ("token_flops", TOKEN.replace("ANSWER", "T * 6 * L * (4 * D * D + 2 * D * I)"), "With T = 0 nothing is left"),
    ("token_flops", TOKEN.replace("ANSWER", "L * (4 * D * D + 2 * D * I + 2 * T * D)"), "the number of weights"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (4 * D * D + D * I)"), "has two matrices"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (3 * D * D + 2 * D * I)"), "There are four: queries"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (12 * D * D + 2 * T * D)"), "only where I is 4 D"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (4 * D * D + 2 * D * I) + 4 * L * T * D"), "attention forward"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (4 * D * D + 2 * D * I) + 12 * T * D"), "attention in one layer"),
    ("token_flops", TOKEN.replace("ANSWER", "6 * L * (4 * D * D + 2 * D * I)"), "Attention is missing"),
    (
        "token_flops",
        TOKEN.replace("ANSWER", "3 * L * (2 * (4 * D * D + 2 * D * I) + 4 * T * T * D)"),
        "attention of a whole row",
    ),
    (
        "token_flops",
        TOKEN.replace("ANSWER", "3 * L * (2 * (4 * D * D + 2 * D * I) + 2 * T * D)"),
        "Attention has two parts",
    ),
    ("hours_and_dollars", HOURS.replace(" / 3600", ""), "These are seconds"),
    ("hours_and_dollars", HOURS.replace("3600", "60"), "These are minutes"),
    ("hours_and_dollars", HOURS.replace("(peak * chips * utilisation)", "(peak * chips) * utilisation"), "multiplied"),
    ("hours_and_dollars", HOURS.replace(" * utilisation)", ")"), "left out the utilisation"),
    ("hours_and_dollars", HOURS.replace("hours * chips * price", "hours * price"), "You paid for one chip"),
    ("hours_and_dollars", HOURS.replace("peak * chips", "peak"), "Four chips take a quarter"),
    ("average_gradients", MEAN.replace("ANSWER", "sum(gradients) / len(gradients)"), "the mean of means"),
    ("average_gradients", MEAN.replace("ANSWER", "sum(gradients)"), "You added the gradients"),
    ("average_gradients", MEAN.replace("ANSWER", f"{WEIGHTED} / len(gradients)"), "by the number of processes"),
    ("average_gradients", MEAN.replace("ANSWER", WEIGHTED), "must still be divided"),
    ("average_gradients", MEAN.replace("ANSWER", "sum(gradients) / sum(counts)"), "must first be weighted"),
]  # fmt: skip

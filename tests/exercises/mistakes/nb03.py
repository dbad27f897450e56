"""Common mistakes in the exercises of notebook 03: (exercise, a learner's code, a part of the hint)."""

SOFTMAX = """
def softmax(x):
    powers = (x - x.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)
"""
ATTENTION = """
def attention(q, k, v):
    scores = q @ k.mT / q.size(-1) ** 0.5
    weights = scores.softmax(-1)
    return weights @ v, weights
"""
CAUSAL = """
import torch

def causal_attention(q, k, v):
    scores = q @ k.mT / q.size(-1) ** 0.5
    allowed = torch.ones_like(scores).tril().bool()
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    return weights @ v, weights
"""
GRADIENT = "def softmax_gradient(a, g):\n    return ANSWER"
SUM = "(a * g).sum(-1, keepdim=True)"

MISTAKES = [
    (
        "softmax",
        """
def softmax(x):
    return x / x.sum(-1, keepdim=True)
""",
        "First raise e",
    ),
    (
        "softmax",
        """
def softmax(x):
    return x.exp()
""",
        "Divide them by their sum",
    ),
    (
        "softmax",
        """
def softmax(x):
    return x.exp() / x.exp().sum()
""",
        "Each row must",
    ),
    (
        "softmax",
        """
def softmax(x):
    e = x.exp()
    return e / e.sum(0, keepdim=True)
""",
        "along axis 0",
    ),
    (
        "softmax",
        """
def softmax(x):
    e = x.exp()
    return e / e.sum(-1)
""",
        "keepdim=True",
    ),
    (
        "softmax",
        """
def softmax(x):
    e = x.exp()
    return e / e.sum(-1, keepdim=True)
""",
        "Subtract the row's maximum first",
    ),
    (
        "softmax",
        """
def softmax(x):
    e = (x - x.max()).exp()
    return e / e.sum(-1, keepdim=True)
""",
        "one maximum from all rows",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT).softmax(-1)
    return weights @ v, weights
""",
        "did not divide the scores",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / q.size(-1)).softmax(-1)
    return weights @ v, weights
""",
        "square root of d_k",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / q.size(-1) ** 0.5).softmax(-2)
    return weights @ v, weights
""",
        "over the keys",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / q.size(-1) ** 0.5).softmax(-1)
    return weights @ v
""",
        "Return two tensors",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / q.size(-1) ** 0.5).softmax(-1)
    return weights, weights @ v
""",
        "The first tensor holds the weights",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    scores = q @ k.mT / q.size(-1) ** 0.5
    return scores.softmax(-1) @ v, scores
""",
        "is not the weights",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / q.size(-1) ** 0.5).softmax(-1)
    return weights.mT @ v, weights
""",
        "You transposed the weights",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (k @ q.mT / q.size(-1) ** 0.5).softmax(-1)
    return weights @ v, weights
""",
        "q times the transpose of k",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.mT / v.size(-1) ** 0.5).softmax(-1)
    return weights @ v, weights
""",
        "root of another size",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    weights = (q @ k.transpose(0, 1) / q.size(-1) ** 0.5).softmax(-1)
    return weights @ v, weights
""",
        "last two axes",
    ),
    (
        "query_for",
        """
def query_for(k, j):
    return k[j]
""",
        "makes its products larger",
    ),
    (
        "query_for",
        """
def query_for(k, j):
    return -100 * k[j]
""",
        "In which direction must a query point",
    ),
    (
        "query_for",
        """
def query_for(k, j):
    return 10 * k[j]
""",
        "Make the query longer",
    ),
    (
        "query_for",
        """
def query_for(k, j):
    return 1000 * k
""",
        "Return one query",
    ),
    (
        "softmax_gradient",
        """
def softmax_gradient(a, g):
    return a * g
""",
        "sum over the row is missing",
    ),
    (
        "softmax_gradient",
        """
def softmax_gradient(a, g):
    return a * (1 - a) * g
""",
        "only the diagonal",
    ),
    (
        "softmax_gradient",
        """
def softmax_gradient(a, g):
    return g - (a * g).sum(-1, keepdim=True)
""",
        "Multiply by the weight",
    ),
    (
        "softmax_gradient",
        """
def softmax_gradient(a, g):
    return a * (g - (a * g).sum())
""",
        "one sum for all rows",
    ),
    (
        "softmax_gradient",
        """
def softmax_gradient(a, g):
    return a * (g - (a * g).sum(-1))
""",
        "keepdim=True keeps",
    ),
    ("softmax", SOFTMAX.replace("amax", "mean"), "only the maximum makes sure"),
    ("softmax", SOFTMAX.replace("amax", "amin"), "only the maximum makes sure"),
    ("softmax", SOFTMAX.replace("amax", "max"), "finds two things"),
    ("attention", ATTENTION.replace("q.size(-1)", "len(q)"), "the number of tokens"),
    ("attention", ATTENTION.replace("q.size(-1)", "3"), "the square root of another size"),
    ("attention", ATTENTION.replace("q.size(-1)", "q.size(1)"), "is right for any shape"),
    ("attention", ATTENTION.replace("softmax(-1)", "softmax(1)"), "The keys lie along the last axis"),
    ("attention", ATTENTION.replace("scores.softmax(-1)", "scores"), "The softmax is missing"),
    ("attention", ATTENTION.replace("@ v", "@ k"), "you averaged the keys"),
    ("attention", ATTENTION.replace("k.mT", "q.mT"), "compare queries with queries"),
    ("attention", ATTENTION.replace("k.mT", "k"), "A product does not fit"),
    (
        "attention",
        ATTENTION.replace(" / q.size(-1) ** 0.5", "").replace("softmax(-1)", "softmax(-1) / q.size(-1) ** 0.5"),
        "You divided the weights",
    ),
    ("query_for", "def query_for(k, j):\n    return (1000 * k[j]).tolist()", "Yours is a list"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", f"a * ({SUM} - g)"), "The sign is wrong"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", f"a * (g + {SUM})"), "and you added it"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", "a * (g - g.sum(-1, keepdim=True))"), "multiplied by its weight"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", f"a * g - {SUM}"), "has the factor a_j"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", f"a * (g - {SUM.replace('sum', 'mean')})"), "It is a sum"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", f"a * (g - {SUM.replace('-1', '0')})"), "along another axis"),
    ("causal_attention", CAUSAL.replace("tril()", "tril(-1)"), "There are rows of nan"),
    ("causal_attention", CAUSAL.replace("tril()", "tril(-1)").replace("-torch.inf", "-1e9"), "itself, too"),
    ("causal_attention", CAUSAL.replace(" / q.size(-1) ** 0.5", ""), "no longer divided"),
    ("softmax_gradient", GRADIENT.replace("ANSWER", "a * (g - a @ g)"), "a product of matrices"),
    (
        "softmax_gradient",
        GRADIENT.replace("return ANSWER", "import torch\n    return (torch.diag(a) - torch.outer(a, a)) @ g"),
        "works on a single row only",
    ),
    (
        "previous_letter_loss",
        """
import torch.nn.functional as F

def previous_letter_loss(logits, ids):
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), ids[:, :-1].flatten(), reduction="sum")
""",
        "This is the sum",
    ),
]

"""Common mistakes in the exercises of notebook 03: (exercise, a learner's code, a part of the hint)."""

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
    return (q @ k.mT).softmax(-1) @ v
""",
        "did not divide the scores",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (q @ k.mT / q.size(-1)).softmax(-1) @ v
""",
        "square root of K",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (q @ k.mT / q.size(-1) ** 0.5).softmax(-2) @ v
""",
        "over the keys",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (q @ k.mT / q.size(-1) ** 0.5).softmax(-1)
""",
        "Multiply them by v",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (k @ q.mT / q.size(-1) ** 0.5).softmax(-1) @ v
""",
        "q times the transpose of k",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (q @ k.mT / v.size(-1) ** 0.5).softmax(-1) @ v
""",
        "root of another size",
    ),
    (
        "attention",
        """
def attention(q, k, v):
    return (q @ k.transpose(0, 1) / q.size(-1) ** 0.5).softmax(-1) @ v
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
]

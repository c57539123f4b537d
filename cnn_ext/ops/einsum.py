"""Sums of products by the letters of their axes."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.elementwise import multiply
from cnn_ext.ops.hints import Array
from cnn_ext.ops.shapes import reshape


@primitive
def _einsum(*operands, terms, result):
    return np.einsum(f"{','.join(terms)}->{result}", *operands, optimize=len(operands) > 1)


def _gradient_of_each(index, g, y, *operands, terms, result):
    """The gradient with the other operands, summed over what the operand lacks; what only the
    operand has was summed over, and gets the same everywhere."""
    term = terms[index]
    if len(set(term)) < len(term):
        raise NotImplementedError(
            "einsum has no gradient for an operand that names an axis twice; take the diagonal "
            f"first. Received: '{','.join(terms)}->{result}'"
        )
    others = [t for i, t in enumerate(terms) if i != index]
    known = [letter for letter in term if any(letter in t for t in (result, *others))]
    given = [operand for i, operand in enumerate(operands) if i != index]
    found = _einsum(g, *given, terms=(result, *others), result="".join(known))
    shape = operands[index].shape
    sizes = dict(zip(known, found.shape, strict=True))
    found = reshape(found, newshape=tuple(sizes.get(letter, 1) for letter in term))
    if len(known) == len(term):
        return found
    spread = tuple(1 if c in known else n for c, n in zip(term, shape, strict=True))
    return multiply(found, np.ones(spread, found.dtype))


_einsum.gradient_of_each(_gradient_of_each)


def einsum(subscripts: str, *operands: Array, **kwargs: Any) -> Array:
    """Sum of products by Einstein's notation (`keras.ops.einsum`).

    subscripts: a letter for each axis of each operand, "..." for more, then "->" and the axes of
    the result: "ij,jk->ik" is a matrix product.

    >>> import numpy as np
    >>> einsum("ij,j->i", np.ones((2, 3)), np.arange(3.0))
    array([3., 3.])
    """
    arrays = [tensor(operand) for operand in operands]
    terms, result = _spelt_out(subscripts.replace(" ", ""), [len(x.shape) for x in arrays])
    return _einsum(*arrays, terms=terms, result=result)


def _spelt_out(subscripts, ranks):
    """Terms and result with letters for "...", and the result that is meant if none is stated."""
    left, arrow, result = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(
            "einsum: as many terms as operands are expected. "
            f"Received: subscripts={subscripts!r} for {len(ranks)} operands"
        )
    free = [c for c in string.ascii_letters if c not in subscripts]
    hidden = [r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True)]
    if any(h < 0 or (h and "..." not in t) for t, h in zip(terms, hidden, strict=True)):
        raise ValueError(
            "einsum: a term must have a letter for each axis of its operand. "
            f"Received: subscripts={subscripts!r} for ranks {ranks}"
        )
    most = max((h for t, h in zip(terms, hidden, strict=True) if "..." in t), default=0)
    letters = "".join(free[:most])
    spelt = tuple(
        t.replace("...", letters[most - h :] if h else "")
        for t, h in zip(terms, hidden, strict=True)
    )
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        result = ("..." if most else "") + "".join(once)
    return spelt, result.replace("...", letters)

"""Pictures of models: what they say, and that texts, boxes and arrows keep out of each other."""

import functools
import itertools
import sys
import types

import numpy as np
import pytest

import cnn_ext
import drawn_models as models
from cnn_ext import utils
from cnn_ext.utils.diagram import Arrows, Card, Cell, Diagram, Edge, Frame
from cnn_ext.utils.diagram.graph import Spot, longest_ways, ranked
from cnn_ext.utils.diagram.places import place
from cnn_ext.utils.diagram.routes import Routes
from cnn_ext.utils.plot_model import _picture, _Shown
from test_models import made, nested, of_dicts, residual, shared

EVERYTHING = {
    "show_shapes": True,
    "show_dtype": True,
    "show_layer_names": True,
    "show_layer_activations": True,
    "show_trainable": True,
    "expand_nested": True,
}
DRAWN = [make for make in models.DRAWN if make not in (models.unbuilt, models.net)]


@pytest.fixture(scope="module")
def model_of():
    """The model that a function makes, made once: nothing here changes it."""
    return functools.cache(lambda make: made(make, cnn_ext))


def drawing(monkeypatch, model, **how):
    """The texts and rectangles of plot_model's figure, as ((left, top, right, bottom), …)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = {}

    def look(figure, _path, dpi, **_how):
        figure.dpi = dpi
        renderer = FigureCanvasAgg(figure).get_renderer()
        (axes,) = figure.axes
        assert not any(t.get_parse_math() for t in axes.texts)
        extents = [(t.get_text(), t.get_window_extent(renderer).extents) for t in axes.texts]
        found["texts"] = [(text, extent) for text, extent in extents if text]
        patches = [(p, p.get_window_extent(renderer).extents) for p in axes.patches]
        found["boxes"] = [e for p, e in patches if type(p).__name__ == "Rectangle"]
        found["heads"] = [e for p, e in patches if type(p).__name__ == "Polygon"]
        found["lines"] = [line.get_window_extent(renderer).extents for line in axes.lines]
        found["paper"] = (0, 0, *figure.bbox.size)

    monkeypatch.setattr(Figure, "savefig", look)
    utils.plot_model(model, "unused.png", **how)
    return types.SimpleNamespace(**found)


def words(monkeypatch, model, **how):
    return [text for text, _ in drawing(monkeypatch, model, **how).texts]


def inside(a, b, slack=0.5):
    return all(a[:2] >= np.array(b[:2]) - slack) and all(a[2:] <= np.array(b[2:]) + slack)


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


LOOKS = [{}, {"show_shapes": True}, EVERYTHING]
CHECKED = [
    *((make, how, "TB", 50) for make in (models.textbook, models.long_names) for how in LOOKS),
    *((make, EVERYTHING, way, 200) for make in (models.long_names, models.nested_graphs, of_dicts,
                                                models.inception) for way in ("TB", "LR")),
    (models.u_net, {}, "TB", 96),
    (models.u_net, EVERYTHING, "LR", 300),
    (models.same_model_twice, EVERYTHING, "TB", 96),
]  # fmt: skip


@pytest.mark.parametrize(("make", "how", "rankdir", "dpi"), CHECKED)
def test_texts_stay_in_their_boxes(model_of, monkeypatch, make, how, rankdir, dpi):
    drawn = drawing(monkeypatch, model_of(make), rankdir=rankdir, dpi=dpi, **how)
    assert drawn.texts and drawn.heads
    for extent in (*drawn.boxes, *drawn.heads, *drawn.lines):
        assert inside(extent, drawn.paper)
    for i, (text, extent) in enumerate(drawn.texts):
        assert any(inside(extent, box) for box in drawn.boxes), text
        assert inside(extent, drawn.paper), text
        for other, its_extent in drawn.texts[:i]:
            narrower = (extent[0] + 1, extent[1], extent[2] - 1, extent[3])  # pieces of one line
            assert apart(narrower, its_extent), (text, other)


def test_a_picture_says_what_is_asked(model_of, monkeypatch):
    model = model_of(models.frozen)
    text = " ".join(words(monkeypatch, model, **EVERYTHING))
    conv = model.layers[0].name
    for expected in [
        f"{conv}  (Conv2D) Activation:  relu",
        "Input shape:  (None, 28, 28, 1) Output shape:  (None, 28, 28, 32)",
        "Output dtype:  float32 Non-trainable",
        "(Dense) Activation:  softmax",
        "Output shape:  (None, 10) Output dtype:  float32 Trainable",
    ]:
        assert expected in text


TITLES = [
    (models.textbook, {}, "Conv2D MaxPooling2D Flatten Dropout Dense"),
    (models.models_in_a_row, {}, "Sequential Dense"),
    (models.models_in_a_row, {"expand_nested": True}, "outer inner Dense Dense Dense Dense"),
    (residual, {}, "InputLayer Conv2D Conv2D Add ReLU GlobalAveragePooling2D"),
    (shared, {}, "InputLayer InputLayer Dense Concatenate Dense"),  # the shared layer once
    (models.subclassed, {"expand_nested": True}, "Net"),
    (nested, {}, "InputLayer Functional Sequential"),
    (nested, {"expand_nested": True}, "InputLayer inner InputLayer Dense row Dense"),
]


@pytest.mark.parametrize(("make", "how", "expected"), TITLES)
def test_which_boxes_there_are(model_of, monkeypatch, make, how, expected):
    assert " ".join(words(monkeypatch, model_of(make), **how)) == expected


def test_shapes_are_written_as_keras_writes_them(model_of, monkeypatch):
    model = model_of(models.two_outputs_layer)
    text = " ".join(words(monkeypatch, model, show_shapes=True, show_dtype=True))
    assert "Output shape:  [(None, 2), (None, 3)] Output dtype:  ['float32', 'float32']" in text
    assert "Input shape:  [(None, 3), (None, 3)]" in " ".join(
        words(monkeypatch, model_of(shared), show_shapes=True)
    )


@pytest.mark.parametrize(("rankdir", "axis"), [("TB", 1), ("LR", 0)])
def test_boxes_follow_each_other(model_of, monkeypatch, rankdir, axis):
    drawn = drawing(monkeypatch, model_of(models.textbook), rankdir=rankdir)
    middles = [(extent[axis] + extent[axis + 2]) / 2 for _, extent in drawn.texts]
    assert middles == sorted(middles, reverse=rankdir == "TB")  # pixels count from below
    assert len(drawn.heads) == len(drawn.boxes) - 1


# --- Arrows ---------------------------------------------------------------------------------


def contents(diagram, x=0.0, y=0.0):
    """(cards, titles of frames, lines) of a diagram and those inside: boxes as extents."""
    lines = [[(x + a, y + b) for a, b in line] for line in diagram.lines]
    cards, titles = [], []
    for box, (left, top) in zip(diagram.boxes, diagram.corners, strict=True):
        left, top = x + left, y + top
        if not isinstance(box, Frame):
            cards.append((left, top, left + box.width, top + box.height))
            continue
        titles.append((left + 9, top + 9, left + 9 + 6 * len(box.title), top + 21))
        lines += [[(left + a, top + b) for a, b in line] for line in box.lines]
        more = contents(box.inside, left + box.left, top + box.top)
        cards, titles, lines = cards + more[0], titles + more[1], lines + more[2]
    return cards, titles, lines


def crosses(a, b, box, slack=0.01):
    """Whether the way from point a to b meets the inside of a box."""
    ends = sorted([a[0], b[0]]), sorted([a[1], b[1]])
    if ends[0][1] - ends[0][0] < slack or ends[1][1] - ends[1][0] < slack:
        way = (ends[0][0], ends[1][0], ends[0][1], ends[1][1])
        return not apart((way[0] + slack, way[1] + slack, way[2] - slack, way[3] - slack), box)
    shares = np.linspace(0, 1, 200)[1:-1, None]
    points = np.array(a) * (1 - shares) + np.array(b) * shares
    low, high = np.array(box[:2]) + slack, np.array(box[2:]) - slack
    return bool(((points > low) & (points < high)).all(1).any())


@pytest.mark.parametrize("splines", ["ortho", "line"])
@pytest.mark.parametrize("across", [False, True], ids=["TB", "LR"])
@pytest.mark.parametrize("make", DRAWN)
def test_arrows_keep_out_of_boxes(model_of, make, across, splines):
    arrows = Arrows(across, splines == "ortho")
    diagram = _picture(model_of(make), _Shown(*[True] * 6), arrows)
    cards, titles, lines = contents(diagram)
    for i, card in enumerate(cards):
        assert inside(np.array(card), (0, 0, diagram.width, diagram.height))
        assert all(apart(card, other) for other in cards[:i])
    for line in lines:
        for a, b in itertools.pairwise(line):
            assert not any(crosses(a, b, box) for box in (*cards, *titles)), (a, b)
            if arrows.square:
                assert min(abs(a[0] - b[0]), abs(a[1] - b[1])) < 0.5


GRAPHS = {
    "chain": [(0, 1), (1, 2), (2, 3)],
    "skips": [(0, 1), (1, 2), (0, 3), (2, 4), (3, 4), (0, 4), (4, 5), (0, 5)],
    "crossed": [(0, 2), (0, 3), (1, 2), (1, 3), (2, 5), (3, 4)],
    "swapped": [(0, 4), (1, 3), (2, 5), (0, 3), (1, 5), (2, 4)],
    "dense": [(i, j) for j in range(6) for i in range(j)],
    "circle": [(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (4, 4)],
    "circles": [(0, 1), (1, 2), (2, 0), (1, 0), (3, 2), (2, 3), (2, 4)],
    "apart": [(0, 1), (2, 3)],
}


def cards():
    return [Card([[Cell(("", "x" * n))]] * n) for n in (3, 5, 1, 9, 2, 20)]


@pytest.mark.parametrize("splines", ["ortho", "line"])
@pytest.mark.parametrize("across", [False, True], ids=["TB", "LR"])
@pytest.mark.parametrize("pairs", GRAPHS.values(), ids=GRAPHS)
def test_each_arrow_can_be_followed(pairs, across, splines):
    """From its box to the other along lines, and to no box that it does not feed."""
    diagram = Diagram(cards(), [Edge(*pair) for pair in pairs], Arrows(across, splines == "ortho"))
    boxes, _, lines = contents(diagram)
    assert len(diagram.heads) == len({end for _, end in pairs})
    for line in lines:
        for a, b in itertools.pairwise(line):
            assert not any(crosses(a, b, box) for box in boxes)
    axis = 0 if across else 1

    def touching(box, side):
        return box[2 * side + axis], (box[1 - axis] + box[3 - axis]) / 2

    leads = {}
    for line in lines:
        first, last = ((p[axis], p[1 - axis]) for p in (line[0], line[-1]))
        leads.setdefault(tuple(np.round(first, 3)), []).append(tuple(np.round(last, 3)))
    found = set()
    doors = {tuple(np.round(touching(box, 0), 3)): i for i, box in enumerate(boxes)}
    for i, box in enumerate(boxes):
        stack = [tuple(np.round(touching(box, 1), 3))]
        while stack:
            for point in leads.get(stack.pop(), ()):
                if point in doors:
                    found.add((i, doors[point]))
                else:
                    stack.append(point)
    assert found == set(pairs)


@pytest.mark.parametrize("pairs", GRAPHS.values(), ids=GRAPHS)
def test_tracks_tell_arrows_apart(pairs):
    """Lines share a track only if they share a box, or lead from all of some to all of some."""
    spots = [Spot(10, 2 * half, (half,), (half,)) for half in (20, 60, 35, 20, 90, 50)]
    graph = ranked(spots, [Edge(*pair) for pair in pairs], [], [])
    place(graph)
    for nets in Routes(graph, True).tracks:
        for net, _ in nets:
            starts, ends = ({piece[i] for piece in net.pieces} for i in (1, 2))
            assert len(starts) == 1 or len(net.pieces) == len(starts) * len(ends)
        for (net, track), (other, its) in itertools.combinations(nets, 2):
            (low, high), (its_low, its_high) = net.span, other.span
            assert track is None or track != its or high < its_low or its_high < low


def test_ranks_are_longest_ways():
    assert longest_ways(6, [Edge(*pair) for pair in GRAPHS["skips"]]) == [0, 1, 2, 1, 3, 4]


def test_crossings_are_undone():
    """Two pairs of boxes, named crosswise, stand uncrossed."""
    diagram = Diagram(cards()[:4], [Edge(0, 3), Edge(1, 2)], Arrows(False, True))
    (a, b, c, d) = (x for x, _ in diagram.corners)
    assert (a < b) == (d < c)


def test_a_skip_leaves_the_main_way_straight(model_of):
    diagram = _picture(model_of(residual), _Shown(*[False] * 6), Arrows(False, True))
    middles = [
        x + box.width / 2 for box, (x, _) in zip(diagram.boxes, diagram.corners, strict=True)
    ]
    assert max(middles) - min(middles) < 0.5


def test_card_rows_are_stretched_to_one_width(monkeypatch):
    drawn = []
    monkeypatch.setattr(Cell, "draw", lambda cell, axes, x, y, width: drawn.append((x, y, width)))
    card = Card([[Cell(("", "a"))], [Cell(("wider than a", "b")), Cell(("", "c"))]])
    card.draw(None, 10.0, 20.0)
    (x, _, width), (left, _, first), (right, _, second) = drawn
    assert (x, width, left) == (10.0, card.width, 10.0)
    assert right == left + first and first + second == pytest.approx(card.width)


# --- Files and errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a", b"\x89PNG"),
     ("a.JPG", b"\xff\xd8")],
)  # fmt: skip
def test_plot_writes(model_of, tmp_path, monkeypatch, name, start):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert utils.plot_model(model_of(nested), tmp_path / name, **EVERYTHING) is None
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("dpi", [96, 200, 300])
def test_dpi_is_pixels_per_inch(model_of, tmp_path, dpi):
    from matplotlib.image import imread

    utils.plot_model(model_of(residual), tmp_path / "a.png", dpi=dpi)
    diagram = _picture(model_of(residual), _Shown(*[False] * 6), Arrows(False, True))
    height, width, _ = imread(tmp_path / "a.png").shape
    assert width == pytest.approx((diagram.width + 16) / 72 * dpi, abs=2)
    assert height == pytest.approx((diagram.height + 16) / 72 * dpi, abs=2)


WRONG_PLOTS = [
    ({"to_file": "m.gif"}, r"to_file's suffix must be one of png, svg, pdf.*Received: 'gif'$"),
    ({"rankdir": "TD"}, "rankdir must be one of TB, LR.*Received: 'TD'$"),
    ({"splines": "orto"}, "splines .*; did you mean 'ortho'.*Received: 'orto'$"),
]


@pytest.mark.parametrize(("how", "says"), WRONG_PLOTS)
def test_plot_refuses(model_of, how, says):
    with pytest.raises(ValueError, match=says):
        utils.plot_model(model_of(models.textbook), **how)


def test_an_unbuilt_model_is_refused_as_keras_does(keras, model_of):
    says = "^This model has not yet been built. Build the model first by calling `build"
    with pytest.raises(ValueError, match=says):
        keras.utils.plot_model(models.unbuilt(keras))
    with pytest.raises(ValueError, match=says + r".*Received: the unbuilt model 'later'$"):
        utils.plot_model(model_of(models.unbuilt))


def test_plot_names_a_misspelt_argument(model_of):
    says = "plot_model: unexpected argument 'show_shape'; did you mean 'show_shapes'?"
    with pytest.raises(TypeError) as caught:
        utils.plot_model(model_of(models.textbook), show_shape=True)
    assert str(caught.value) == says


def test_plot_without_matplotlib_says_what_to_install(model_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'cnn_ext\[plot\]'"):
        utils.plot_model(model_of(models.textbook))


def test_model_to_dot_names_plot_model(model_of):
    with pytest.raises(NotImplementedError, match=r"write plot_model\(model, to_file="):
        utils.model_to_dot(model_of(models.textbook), show_shapes=True)


@pytest.mark.parametrize(
    ("name", "shown"), [("m.png", "Image m.png"), ("m.svg", "SVG m.svg"), ("m.pdf", None)]
)
def test_plot_returns_a_picture_where_ipython_is(model_of, monkeypatch, tmp_path, name, shown):
    display = types.ModuleType("IPython.display")
    display.Image = "Image {}".format
    display.SVG = "SVG {}".format
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    assert utils.plot_model(model_of(models.textbook), name) == shown

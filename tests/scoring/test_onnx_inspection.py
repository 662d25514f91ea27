"""What reaches outside an ONNX file is found wherever it is, and what is no ONNX file is said to be none."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from scoring.onnx_inspection import MAX_NODES, OnnxBytesError, inspect_onnx

FLOATS = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])


def weights(external: bool = False) -> TensorProto:
    tensor = numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), name="W")
    if external:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def graph(*nodes: onnx.NodeProto, tensors: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    made = list(nodes) or [helper.make_node("Identity", ["X"], ["Y"])]
    return helper.make_graph(made, "g", [FLOATS], [], initializer=list(tensors))


def model(made: onnx.GraphProto, *domains: str) -> bytes:
    opsets = [helper.make_opsetid(domain, 1) for domain in domains or ("", "ai.onnx.ml")]
    content: bytes = helper.make_model(made, opset_imports=opsets).SerializeToString()
    return content


def branch(inner: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("If", ["X"], ["Y"], then_branch=inner, else_branch=graph())


def test_a_plain_model_passes() -> None:
    inspect_onnx(model(graph(tensors=(weights(),)), "", "ai.onnx", "ai.onnx.ml"))


def test_numbers_and_strings_of_attributes_are_passed_over() -> None:
    node = helper.make_node(
        "TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml",
        nodes_values=[0.5, float("nan"), -1e30] * 1000, nodes_treeids=[0, -1, 2**40] * 1000, nodes_modes=["LEAF"] * 10,
    )  # fmt: skip
    inspect_onnx(model(graph(node)))


def test_the_words_external_data_in_a_name_are_no_external_data() -> None:
    named = weights()
    named.name = "external_data"
    inspect_onnx(model(graph(tensors=(named,))))


OUTSIDE = {
    "initializer": graph(tensors=(weights(external=True),)),
    "attribute": graph(helper.make_node("Constant", [], ["Y"], value=weights(external=True))),
    "tensors of an attribute": graph(helper.make_node("Custom", [], ["Y"], values=[weights(), weights(external=True)])),
    "subgraph": graph(branch(graph(tensors=(weights(external=True),)))),
    "subgraph of a subgraph": graph(branch(graph(branch(graph(tensors=(weights(external=True),)))))),
}


@pytest.mark.parametrize("place", OUTSIDE)
def test_external_data_is_refused_wherever_it_is(place: str) -> None:
    with pytest.raises(OnnxBytesError, match="external data"):
        inspect_onnx(model(OUTSIDE[place]))


@pytest.mark.parametrize("part", ["values", "indices"])
def test_external_data_of_a_sparse_tensor_is_refused(part: str) -> None:
    sparse = onnx.SparseTensorProto(values=weights(part == "values"), indices=weights(part == "indices"), dims=[2, 2])
    made = graph()
    made.sparse_initializer.append(sparse)
    with pytest.raises(OnnxBytesError, match="external data"):
        inspect_onnx(model(made))


def test_entries_of_external_data_without_the_location_flag_are_refused() -> None:
    tensor = weights(external=True)
    tensor.ClearField("data_location")
    with pytest.raises(OnnxBytesError, match="external data"):
        inspect_onnx(model(graph(tensors=(tensor,))))


def test_the_location_flag_without_entries_is_refused() -> None:
    tensor = weights(external=True)
    tensor.ClearField("external_data")
    with pytest.raises(OnnxBytesError, match="external data"):
        inspect_onnx(model(graph(tensors=(tensor,))))


def test_external_data_in_a_training_graph_is_refused() -> None:
    made = onnx.ModelProto.FromString(model(graph()))
    made.training_info.add().algorithm.CopyFrom(graph(tensors=(weights(external=True),)))
    with pytest.raises(OnnxBytesError, match="external data"):
        inspect_onnx(made.SerializeToString())


def test_an_unknown_operator_set_is_refused_by_name() -> None:
    with pytest.raises(OnnxBytesError, match=r"operators of 'com\.microsoft'"):
        inspect_onnx(model(graph(), "", "com.microsoft"))


def test_an_unknown_domain_of_a_node_in_a_subgraph_is_refused() -> None:
    node = helper.make_node("Anything", ["X"], ["Y"], domain="evil")
    with pytest.raises(OnnxBytesError, match="operators of 'evil'"):
        inspect_onnx(model(graph(branch(graph(node)))))


def test_a_function_in_the_model_is_refused() -> None:
    made = onnx.ModelProto.FromString(model(graph()))
    made.functions.append(helper.make_function("ai.onnx", "Twice", ["a"], ["b"], [], [helper.make_opsetid("", 20)]))
    with pytest.raises(OnnxBytesError, match="function"):
        inspect_onnx(made.SerializeToString())


def test_graphs_within_graphs_without_end_are_refused() -> None:
    inner = graph()
    for _ in range(25):
        inner = graph(branch(inner))
    with pytest.raises(OnnxBytesError, match="levels deep"):
        inspect_onnx(model(inner))


def loop(trips: int) -> onnx.NodeProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes_on"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("going", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    return helper.make_node("Loop", [str(trips), "", "X"], ["Y"], body=body)


@pytest.mark.parametrize("made", [graph(loop(2**62)), graph(loop(3)), graph(branch(graph(loop(2**62))))])
def test_a_loop_is_refused_wherever_it_is(made: onnx.GraphProto) -> None:
    with pytest.raises(OnnxBytesError, match="has a Loop"):
        inspect_onnx(model(made))


def sized(operator: str, *others: str) -> list[onnx.NodeProto]:
    """A tensor whose size is a number of the row, taken through what a cunning exporter would put in between."""
    return [
        helper.make_node("Gather", ["X", "first"], ["number"]),
        helper.make_node("Cast", ["number"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Identity", ["whole"], ["size"]),
        helper.make_node(operator, [*others, "size"], ["made"]),
    ]


SIZED = {
    "ConstantOfShape": graph(*sized("ConstantOfShape")),
    "Range": graph(*sized("Range", "zero")),
    "Expand": graph(*sized("Expand", "one")),
    "Tile": graph(*sized("Tile", "one")),
    "Pad": graph(*sized("Pad", "one")),
    "OneHot": graph(*sized("OneHot", "one")),
    "Resize": graph(*sized("Resize", "one", "", "")),
    "in a graph within it": graph(branch(graph(*sized("Tile", "one")))),
    "out of a graph within it": graph(branch(graph()), helper.make_node("ConstantOfShape", ["Y"], ["made"])),
    "nodes out of order": graph(*reversed(sized("ConstantOfShape"))),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_tensor_as_large_as_a_rows_value_says_is_refused(name: str) -> None:
    with pytest.raises(OnnxBytesError, match="whose size follows from a row's values"):
        inspect_onnx(model(SIZED[name]))


def test_sizes_from_shapes_and_constants_pass() -> None:
    made = graph(
        helper.make_node("Shape", ["X"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("Expand", ["X", "size"], ["same"]),
        helper.make_node("Tile", ["X", "twice"], ["Y"]),
        helper.make_node("Range", ["zero", "ten", "one"], ["numbers"]),
        tensors=(numpy_helper.from_array(np.array([1, 2]), "twice"),),
    )
    inspect_onnx(model(made))


def negations(count: int) -> list[onnx.NodeProto]:
    return [helper.make_node("Neg", [f"t{number}"], [f"t{number + 1}"]) for number in range(count)]


@pytest.mark.parametrize("made", [
    graph(*negations(200_000)), graph(*negations(MAX_NODES + 1)),
    graph(*[branch(graph(*negations(500))) for _ in range(50)]),
], ids=["many", "one too many", "in graphs within graphs"])  # fmt: skip
def test_more_nodes_than_load_in_a_second_are_refused(made: onnx.GraphProto) -> None:
    with pytest.raises(OnnxBytesError, match="20,000 nodes"):
        inspect_onnx(model(made))


def test_as_many_nodes_as_there_may_be_and_other_words_for_loop_pass() -> None:
    inspect_onnx(model(graph(*negations(MAX_NODES))))
    inspect_onnx(model(graph(helper.make_node("Identity", ["X"], ["Y"], name="Loop"))))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_model_that_was_cut_off_is_refused(kept: float) -> None:
    whole = model(graph(tensors=(weights(),)))
    with pytest.raises(OnnxBytesError, match="cut off"):
        inspect_onnx(whole[: int(len(whole) * kept)])


def test_a_renamed_pickle_is_refused() -> None:
    with pytest.raises(OnnxBytesError, match="ONNX"):
        inspect_onnx(b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix")


@given(st.binary(max_size=200))
def test_any_bytes_are_passed_or_refused_and_nothing_else(content: bytes) -> None:
    try:
        inspect_onnx(content)
    except OnnxBytesError:
        return

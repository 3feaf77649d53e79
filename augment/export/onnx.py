"""The only file that imports onnx, onnxruntime and onnxscript: a graph of graphs.py as an ONNX file
with a dynamic batch axis.

What is written gives the numbers that torch gives: onnxruntime is asked, for batches of one and of
three, before the file gets its name.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.files import whole

OPSET = 20  # the first with grid_sample's modes as they are used here
TOLERANCE = 1e-3
CHECKED = (1, 3)  # sizes of batches
PRODUCER = "reid-augment"


def check_installed() -> None:
    """ValueError where a package that the export needs is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"this needs onnx, onnxruntime and onnxscript ({error}): pip install reid-augment[onnx]"
        ) from error


def write(graph: Any, file: Path) -> float:
    """Export `graph` (ReidGraph, GeneratorGraph) to `file` and return the largest difference from
    torch.

    Raises:
        ValueError: a package is missing, the graph cannot be exported, or onnxruntime gives other
            numbers: then there is no file.
    """
    check_installed()
    import onnx

    model = _translated(graph)
    _strip(model)
    _name_batch(model)
    model.producer_name, model.producer_version = PRODUCER, ""
    described = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in graph.about.items()
    }
    onnx.helper.set_model_props(model, described | {"made_by": PRODUCER})
    onnx.checker.check_model(model)
    with whole(file) as temporary:
        onnx.save(model, temporary)
        worst = max(_difference(graph, temporary, number) for number in CHECKED)
        if not worst <= TOLERANCE:  # nan is no success
            raise ValueError(
                f"{file}: not written: by onnxruntime the {graph.output} differs from torch's by {worst:.2g}, more than "
                f"{TOLERANCE:g}"
            )
    return worst


def run(file: Path, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The first output of an ONNX file by onnxruntime, on the CPU."""
    return _session(file).run(None, dict(inputs))[0]


def metadata(file: Path) -> dict[str, str]:
    """What `write` has put into a file besides the network."""
    return dict(_session(file).get_modelmeta().custom_metadata_map)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _translated(graph: Any) -> Any:
    from onnxscript import optimizer

    inputs = graph.inputs(2)
    dynamic = {name: {0: torch.export.Dim("batch", min=1)} for name in inputs}
    try:
        with torch.no_grad():
            program = torch.export.export(graph, (), inputs, dynamic_shapes=dynamic, strict=False)
            exported = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=OPSET,
                output_names=[graph.output],
                optimize=False,
                verbose=False,
            )
    except (
        RuntimeError,
        torch.onnx.errors.OnnxExporterError,
        torch._dynamo.exc.UserError,  # pyright: ignore[reportAttributeAccessIssue]
    ) as error:
        reason = [*str(error).strip().splitlines(), type(error).__name__][0]
        raise ValueError(f"{graph.about['model']} cannot be exported: {reason}") from error
    assert exported is not None  # None without dynamo
    # All of its optimiser takes four times as long as the rest for SPT's graph; runtimes do the
    # other half themselves.
    optimizer.fold_constants(exported.model)
    optimizer.remove_unused_nodes(exported.model)
    return exported.model_proto


def _strip(model: Any) -> None:
    """Take away where in our source each node comes from: paths of this machine, and other bytes on
    every other.
    """
    values = (
        model.graph.input,
        model.graph.output,
        model.graph.value_info,
        model.graph.initializer,
    )
    for part in (
        model.graph,
        *model.functions,
        *model.graph.node,
        *(one for kind in values for one in kind),
    ):
        part.doc_string = ""
        del part.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _name_batch(model: Any) -> None:
    """Call the first axis `batch`, in place of the exporter's symbol for it."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = re.sub(rf"\b{symbol}\b", "batch", axis.dim_param)


def _difference(graph: Any, file: Path, number: int) -> float:
    inputs = graph.inputs(number)
    with torch.no_grad():
        wanted = graph(**inputs).numpy()
    found = run(file, {name: value.numpy() for name, value in inputs.items()})
    return float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")

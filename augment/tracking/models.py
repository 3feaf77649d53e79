"""Trained models in MLflow: weights as safetensors, a signature, and the best ones in the registry.

No pickles: a model's folder holds weights.safetensors and MLmodel, a text with the signature. It has
no flavor, because MLflow does not load it; the params rebuild the network.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from augment.tracking.store import Store

WEIGHTS = "weights.safetensors"
BEST = "best"
# Name of a tensor -> its dtype, and its shape with -1 for the batch.
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]


@dataclasses.dataclass(frozen=True)
class Model:
    """A finished model.

    name: such as `patn 0.3`
    kind: `generator` or `re-ID`
    weights: state dict
    params: settings that rebuild the network, flat
    inputs, outputs: the signature; outputs may be empty
    about: what the inputs and outputs mean
    """

    name: str
    kind: str
    weights: Mapping[str, Any]
    params: Mapping[str, str]
    inputs: Tensors
    outputs: Tensors
    about: str


def log(store: Store, run: str, model: Model) -> None:
    """Log a model as an output of a run."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model as Description
    from mlflow.models import ModelSignature
    from safetensors.torch import save_file

    name = model.name.replace(".", "_")  # MLflow refuses dots
    made = store.client.create_logged_model(
        store.experiment,
        name,
        run,
        tags={"about": model.about},
        params=dict(model.params),
        model_type=model.kind,
    )
    signature = ModelSignature(_schema(model.inputs), _schema(model.outputs))
    # Copies: safetensors takes neither views of one another nor channels_last.
    weights = {
        key: tensor.detach().cpu().contiguous().clone() for key, tensor in model.weights.items()
    }
    with TemporaryDirectory() as folder:
        save_file(weights, Path(folder) / WEIGHTS)
        described = Description(
            artifact_path=made.artifact_location,
            run_id=run,
            model_id=made.model_id,
            model_uuid=made.model_id,
            signature=signature,
            metadata={"weights": WEIGHTS, "about": model.about, **model.params},
        )
        described.save(str(Path(folder) / "MLmodel"))
        store.client.log_model_artifacts(made.model_id, folder)
    store.client.finalize_logged_model(made.model_id, "READY")
    store.client.log_outputs(run, [LoggedModelOutput(made.model_id, 0)])


def _schema(tensors: Tensors) -> Any:
    import numpy as np
    from mlflow.types import Schema, TensorSpec

    if not tensors:
        return None
    return Schema(
        [TensorSpec(np.dtype(kind), shape, name) for name, (kind, shape) in tensors.items()]
    )


def set_best(store: Store, name: str, run: str, mAP: float) -> None:
    """Let the alias `best` of a registered model point at the model of a run.

    The model becomes a version, unless it is one. A run without a model changes nothing.
    """
    from mlflow.exceptions import MlflowException

    client = store.client
    models = client.get_run(run).outputs.model_outputs
    if not models:
        return
    model = client.get_logged_model(models[0].model_id)
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(
            name, description="The alias `best` is the arm with the highest mAP on the test set."
        )
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{run}'")
    version = (
        versions[0]
        if versions
        else client.create_model_version(
            name,
            model.artifact_location,
            run,
            tags={"mAP": f"{mAP:.4f}"},
            description=model.name,
            await_creation_for=0,
            model_id=model.model_id,
        )
    )
    client.set_registered_model_alias(name, BEST, version.version)

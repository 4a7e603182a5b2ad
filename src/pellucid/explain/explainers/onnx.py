"""ONNX models: their scores by onnxruntime, explained as any function is."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import ExplainError, MissingExtraError
from pellucid.explain.explainers.base import Floats
from pellucid.explain.explainers.callable import CallableExplainer

_KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def onnx_explainer(content: bytes) -> CallableExplainer:
    """Return the explainer of an ONNX model.

    An ONNX file holds operators and no code. Libraries of custom operators, which do, are never
    loaded; nor are weights that lie in other files.

    Parameters
    ----------
    content : bytes
        A model with one input, numbers of shape (n, features). Its last output of numbers is the
        score: shape (n,), (n, 1), or (n, 2) with the score in the second column.

    Raises
    ------
    ExplainError
        If onnxruntime cannot read it, or its inputs and outputs are others.
    MissingExtraError
        If onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            package="onnxruntime", extra="onnx", purpose="explaining an ONNX model"
        ) from error
    options = onnxruntime.SessionOptions()
    # It would write what it refuses to stderr; the error says it.
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )
    # Its errors have no common class but this.
    except Exception as error:
        raise ExplainError(f"onnxruntime cannot read this ONNX model: {error}") from error
    return CallableExplainer(_Scores(session), library="onnx")


class _Scores:
    def __init__(self, session: Any) -> None:
        inputs = session.get_inputs()
        outputs = [output.name for output in session.get_outputs() if output.type in _KINDS]
        if len(inputs) != 1 or inputs[0].type not in _KINDS or len(inputs[0].shape) != 2:
            told = ", ".join(f"'{item.name}' {item.type} {item.shape}" for item in inputs)
            raise ExplainError(
                f"this ONNX model takes {told}; export it with one input of numbers of shape "
                "(rows, features)"
            )
        if not outputs:
            raise ExplainError(
                "this ONNX model has no output of numbers; export it without ZipMap "
                "(options={'zipmap': False} in skl2onnx)"
            )
        self._session, self._input, self._output = session, inputs[0].name, outputs[-1]
        self._kind = _KINDS[inputs[0].type]
        self._features = inputs[0].shape[1]

    def __call__(self, rows: Floats) -> Floats:
        if isinstance(self._features, int) and rows.shape[1] != self._features:
            raise ExplainError(
                f"this ONNX model takes {self._features} features, and {rows.shape[1]} were "
                "logged as its features; log it again with all of them, in its order"
            )
        (found,) = self._session.run([self._output], {self._input: rows.astype(self._kind)})
        if found.ndim == 2 and found.shape[1] in (1, 2):
            found = found[:, -1]
        return np.asarray(found, dtype=np.float64)

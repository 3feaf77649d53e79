"""Exports of sets, models and features for other programs.

| module | content |
|---|---|
| contents.py | the contents of an exported set: a training set with query and gallery, and image names |
| formats.py | folders and tables that other frameworks read |
| folder.py | writes an exported set to disk |
| export_set.py, export_onnx.py, embedding.py | the commands export, export-onnx and embed |
| reid_model.py | loads a trained re-ID model with its settings of params.yaml |
| graphs.py | models and generators with pre- and postprocessing inside |
| onnx.py | writes graphs as ONNX files that give the same numbers |
"""

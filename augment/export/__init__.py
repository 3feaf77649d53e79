"""Out of the pipeline: sets, models and features that other programs read.

| module | what |
|---|---|
| contents.py | what is exported: rows of a training set with query and gallery, each image with its name |
| formats.py | in which folders and tables the readers of other frameworks look for it |
| folder.py | writes it, whole or not at all |
| export_set.py, export_onnx.py, embedding.py | the commands export, export-onnx and embed |
| reid_model.py | a trained re-ID model from its file and params.yaml |
| graphs.py | models and generators with all that their users would get wrong inside |
| onnx.py | ... as ONNX files that give the same numbers |
"""

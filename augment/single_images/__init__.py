"""Generators applied to single images: no data set and no params.yaml, only a model's file.

| module | content |
|---|---|
| transfer | the command transfer: a person in other poses |
| editing | the commands texture-transfer, edit-image and try-on |
| model_files | the commands pack and import-weights |
| model | opens a model's file, or the puppet |
| person, poses, sequences | the inputs: a source person with joints; target poses; a walk and a turn |
| edited_maps, clothing | the inputs of editing: parsing maps, edits by name; landmarks of clothing |
| rendering | persons in poses -> images, by any model |
| output | the output folder, its contact sheet and its GIF |
"""

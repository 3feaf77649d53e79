"""The report card of a generator: what it renders of held-out identities, and how good that is.

| module | content |
|---|---|
| names, settings | names of puppets and references; section `evaluation` of params.yaml |
| metrics | all metrics in one table: key, title, better direction, column of pairs.csv |
| pairs | held-out pairs of source and target |
| render | renderers by name, and their outputs for the pairs |
| scoring, identity, pose, measured | images -> metrics with their intervals |
| speed, profile | images per second, parameters, multiply-adds |
| sheets | sheets of images that accompany a card |
| card, compare | the files of a card; the differences between two cards |
| published | published figures |
"""

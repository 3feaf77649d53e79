"""Results: curves, tables, report cards, the report page, user studies.

| module | content |
|---|---|
| curves, bars | tables and figures of the arms |
| harm | augmentations that lower mAP; trained generators that do not beat a free baseline |
| table6 | the published counterpart of the curves |
| page | reports/index.html |
| for_dvc | what `dvc metrics` and `dvc plots` read |
| report_card | scores of the generators themselves |
| user_study | studies with human raters |
| templates | the only module that imports Jinja2 |
"""

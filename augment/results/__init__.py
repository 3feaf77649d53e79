"""Results: curves, tables, report cards, the report page, user studies.

| module | what it makes |
|---|---|
| curves, bars | tables and figures of the arms |
| harm | where an augmentation lowers mAP; where a trained generator does not beat a free baseline |
| table6 | the published counterpart of the curves |
| page | reports/index.html |
| for_dvc | what `dvc metrics` and `dvc plots` read |
| report_card | scores of the generators themselves |
| user_study | studies with human raters |
| templates | the door to Jinja2 |
"""

"""User studies of generated images.

Can people distinguish them from real ones, and which generator do they prefer?

| module | content |
|---|---|
| study | the images, their order, and the key |
| page | the page on which a rater answers: one file that needs no network |
| answers | the files that the page saves, validated against the key |
| score | the table: R2G and G2R, or the share of trials in which each generator was preferred |
| run | the command user-study |
| study.html, study.css, study.js | the page's template, style and script |

`real-or-generated` is the form of the PATN paper (section 4.3.3): 55 real and 55 generated images,
shuffled, each shown for one second, the first 10 for practice. R2G is the share of real images rated
generated, G2R that of generated images rated real. Each generator has a separate part.

`ab` is the form of SPT (section 4.2) and of SPGNet (section 4.3): source, target pose, and the output
of every generator, in random order and without a time limit.
"""

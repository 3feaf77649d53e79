"""User studies: do people take generated images for real ones, and whose do they like better?

| room | what for |
|---|---|
| study | which images are shown, in which order; the key |
| page | the page on which a rater answers: one file, which needs no network |
| answers | the files that the page saves, checked against the key |
| score | the table: R2G and G2R, or the share of trials in which each generator was preferred |
| study.html, study.css, study.js | how the page looks, and what it does |

`real-or-generated` is the form of the PATN paper (section 4.3.3): 55 real and 55 generated images,
shuffled, the first 10 for practice, a second each. R2G is the share of real images rated generated,
G2R that of generated images rated real. Where there are several generators, each has a part of its
own. `ab` is the form of SPT (section 4.2) and of SPGNet (section 4.3): source, target pose, and
what every generator made of them, in random order and without a time limit.
"""

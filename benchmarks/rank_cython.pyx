# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""CMC and mAP as compiled evaluators work them out: every row sorted whole, then a loop down each list."""

import numpy as np


def evaluate(float[:, :] distances, long[:] query_pids, long[:] gallery_pids, long[:] query_camids, long[:] gallery_camids):
    """(rank1, mAP); gallery without junk. Queries without a match are left out."""
    cdef long[:, :] order = np.argsort(distances, axis=1)
    cdef Py_ssize_t q, place, item, kept, found, first
    cdef double precision, total = 0, hits = 0
    cdef Py_ssize_t scored = 0
    for q in range(distances.shape[0]):
        kept = found = first = 0
        precision = 0
        for place in range(distances.shape[1]):
            item = order[q, place]
            if gallery_pids[item] == query_pids[q] and gallery_camids[item] == query_camids[q]:
                continue
            kept += 1
            if gallery_pids[item] == query_pids[q]:
                found += 1
                precision += found / <double>kept
                if found == 1:
                    first = kept
        if found:
            scored += 1
            total += precision / found
            hits += first == 1
    return hits / scored, total / scored

import json

import numpy as np
import pandas as pd
import pytest

from augment.reid_training import ranked
from augment.reid_training.ranked import Found, RankedList
from reid.rankings import Ranking


def rows(*people):
    return pd.DataFrame(
        [{"path": f"{pid}_{camid}.jpg", "pid": pid, "camid": camid} for pid, camid in people]
    )


def test_what_is_written_is_read(tmp_path):
    query, gallery = rows((5, 0), (7, 1)), rows((7, 0), (5, 2), (-1, 0), (5, 0))
    ranking = Ranking(0, 0.5, np.array([0, 1]), np.array([False, True]))
    ranked.write(tmp_path / "ranked.json", [ranking], query, gallery)
    assert ranked.read(tmp_path / "ranked.json") == [
        RankedList(
            "5_0.jpg", 5, 0, 0.5, [Found("7_0.jpg", 7, 0, False), Found("5_2.jpg", 5, 2, True)]
        )
    ]


@pytest.mark.parametrize("content", ["[]", '{"queries": [{"path": "x"}]}', '{"lists": []}'])
def test_another_file_is_named(tmp_path, content):
    file = tmp_path / "ranked.json"
    file.write_text(content)
    with pytest.raises(
        ValueError, match=f"^{file}: not a list of ranked images .*; train this arm again$"
    ):
        ranked.read(file)


def test_the_same_queries_of_different_persons_in_every_arm():
    query = rows(*[(pid, camid) for pid in range(1, 31) for camid in range(3)])
    chosen = ranked.chosen(query)
    assert len(chosen) == ranked.QUERIES and query.iloc[chosen]["pid"].is_unique
    assert chosen[0] == 0 and chosen[-1] == 87 and (np.diff(chosen) > 0).all()
    assert ranked.chosen(query.head(4)).tolist() == [0, 3]


def test_train_reid_writes_them_beside_the_weights(project):
    (file,) = project.glob("models/reid/**/none/0.4/seed0/ranked.json")
    lists = ranked.read(file)
    assert 1 <= len(lists) <= 3, "three test identities"
    for one in lists:
        assert (project / "data/prepared" / one.path).is_file() and 0 < one.ap <= 1
        assert all((project / "data/prepared" / found.path).is_file() for found in one.found)
        assert all(found.hit == (found.pid == one.pid) and found.pid != -1 for found in one.found)
        assert not any(found.pid == one.pid and found.camid == one.camid for found in one.found)
    assert json.loads(file.read_text())["queries"]

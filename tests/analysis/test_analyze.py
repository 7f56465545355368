import weakref

import numpy as np
import pytest

from ovis_jax.analysis import analyze as story
from ovis_jax.analysis.analyze import ANALYSES, analyze, compare_systems, report_system
from ovis_jax.analysis.bootstrap import ratios
from ovis_jax.evaluation.comparison import video_draws
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.errors import InputError
from tests.analysis.pixels import masks
from tests.evaluation import tracks
from tests.evaluation.scenes import random_scene


def test_perfect_results_have_no_error_at_all():
    truth, _ = random_scene(4)
    perfect = [
        tracks.result(masks(i.segmentations), 0.9, video=i.video_id, category=i.category_id)
        for i in truth.instances
        if not i.iscrowd
    ]
    values = {own.name: own.values for own in report_system("", analyze(truth, perfect)).sections}
    assert values["average_precision"]["all"]["AP"] == pytest.approx(1)
    rates = values["error_rates"]
    assert all(rates[rate]["all"]["rate"] == 0 for rate in ("segmentation", "id_switch"))
    gains = values["error_costs"]["gain"].values()
    assert all(gain["AP"] == pytest.approx(0) for gain in gains)
    assert values["identity_oracle"]["true"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(3))
def test_every_analysis_knows_what_to_say_of_nothing(seed):
    truth, results = random_scene(seed)
    for annotations in (truth, tracks.annotations([], 3), tracks.annotations([], 3, videos=())):
        own = results if annotations.videos else []
        for chosen in (own, []):
            found = analyze(annotations, chosen)
            report = report_system("", found)
            number = len(annotations.videos)
            pair = compare_systems(["a", "b"], [found, analyze(annotations, [])], number, 3)
            for sections in (report.sections, pair.sections):
                assert sections and all(section.title for section in sections)


def test_names_of_tables_and_sections_are_unique():
    truth, results = random_scene(0)
    found = analyze(truth, results)
    reports = [report_system("", found), compare_systems(["a", "b"], [found, found], 2, 3)]
    for report in reports:
        tables = [table.name for section in report.sections for table in section.tables]
        sections = [section.name for section in report.sections]
        assert len(set(tables)) == len(tables) and len(set(sections)) == len(sections)
    for report in reports:
        for section in report.sections:
            for table in section.tables:
                assert all(len(row) == len(table.columns) for row in table.rows)


def test_videos_are_gone_when_the_next_one_comes(monkeypatch):
    truth, results = random_scene(0)
    alive, make = [], story.scenes

    def watched(*args, **options):
        for scene in make(*args, **options):
            assert not any(own() for own in alive[:-1])
            alive.append(weakref.ref(scene))
            yield scene

    monkeypatch.setattr(story, "scenes", watched)
    many = tracks.annotations(truth.instances, 3, videos=(1, 2, 3, 4, 5))
    assert len(analyze(many, results)) == len(ANALYSES) and len(alive) == 5


def test_files_without_ground_truth_are_refused():
    truth, results = random_scene(0)
    empty = Annotations("test.json", truth.videos, truth.categories, (), False)
    with pytest.raises(InputError, match="annotations: null"):
        analyze(empty, results)


def test_shares_on_draws_are_shares_of_the_drawn_videos():
    counts = np.array([[[1, 2], [0, 0]], [[3, 4], [0, 1]]])
    got = ratios(counts, np.array([[1, 1], [2, 0], [0, 2]]))
    np.testing.assert_allclose(got, [[4 / 6, 0], [1 / 2, np.nan], [3 / 4, 0]])


def test_draws_have_as_many_videos_as_there_are():
    draws = video_draws(7, 50)
    assert draws.shape == (50, 7) and (draws.sum(axis=1) == 7).all() and len(np.unique(draws)) > 2
    np.testing.assert_array_equal(draws, video_draws(7, 50))

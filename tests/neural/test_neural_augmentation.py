"""Augmentation by hand and by its properties, views in a test, averages of weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_cases import new

from mlcli.neural import augmentation
from mlcli.neural.augmentation import Augmentation, Pixels, average_over_views, turn, views
from mlcli.neural.batches import Units
from mlcli.neural.cnn import CNN
from mlcli.neural.optimisers import AveragedWeights


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 40, c: int = 2, h: int = 6, w: int = 9) -> torch.Tensor:
    """Positive everywhere, so that a zero comes from outside."""
    return torch.rand(n, c, h, w, generator=generator(1)) + 0.5


def placed(Z: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Z moved, by slices."""
    moved = torch.zeros_like(Z)
    h, w = Z.shape[2:]
    moved[:, :, max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)] = Z[
        :, :, max(0, -down) : h - max(0, down), max(0, -right) : w - max(0, right)
    ]
    return moved


def test_every_shift_occurs_and_no_other() -> None:
    Z = pictures(300)
    moved = augmentation.shift(Z, 2, generator())
    found = set()
    for down in range(-2, 3):
        for right in range(-2, 3):
            same = (moved == placed(Z, down, right)).all(dim=(1, 2, 3))
            found |= {(int(i), down, right) for i in same.nonzero()}
    assert {i for i, _, _ in found} == set(range(300))
    assert len(found) == 300
    assert len({place for _, *place in found for place in [tuple(place)]}) == 25


def test_a_crop_is_a_shift_with_reflected_borders() -> None:
    Z = pictures(100)
    cut = augmentation.crop(Z, 2, generator())
    moved = augmentation.shift(Z, 2, generator())
    inside = moved != 0
    assert torch.equal(cut[inside], moved[inside])
    assert (cut != 0).all()
    with pytest.raises(ValueError, match="crop must fit into images of 6 x 9"):
        augmentation.crop(Z, 6, generator())


def test_half_of_the_images_are_flipped_and_two_flips_cancel() -> None:
    Z = pictures(400)
    turned = augmentation.flip(Z, generator())
    mirrored = (turned == Z.flip(3)).all(dim=(1, 2, 3))
    assert ((turned == Z).all(dim=(1, 2, 3)) ^ mirrored).all()
    assert mirrored.double().mean().item() == pytest.approx(0.5, abs=0.1)
    assert torch.equal(augmentation.flip(turned, generator()), Z)


@pytest.mark.parametrize(("h", "w"), [(7, 7), (6, 9), (8, 6)])
def test_rotations_by_right_angles_are_exact(h: int, w: int) -> None:
    Z = pictures(3, h=h, w=w).double()
    same = turn(Z, torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(same, Z)
    torch.testing.assert_close(turn(Z, torch.full((3,), 180.0).double()), Z.flip(2, 3))
    # A quarter turn of the square in the middle, whatever the sides: no stretching.
    side = min(h, w)
    if (h - side) % 2 == 0 and (w - side) % 2 == 0:
        top, left = (h - side) // 2, (w - side) // 2
        part = (..., slice(top, top + side), slice(left, left + side))
        quarter = turn(Z, torch.full((3,), 90.0).double())
        torch.testing.assert_close(quarter[part], torch.rot90(Z[part], 1, (2, 3)))


def test_rotations_stay_within_bounds_and_differ() -> None:
    # An arm from the middle to the right; where it points to tells the angle.
    Z = torch.zeros(200, 1, 15, 21)
    Z[:, :, 7, 11:18] = 1.0
    turned = augmentation.rotate(Z, 20.0, generator())[:, 0]
    y, x = torch.arange(7.0, -8.0, -1.0), torch.arange(-10.0, 11.0)
    up, right = (turned.sum(2) * y).sum(1), (turned.sum(1) * x).sum(1)
    degrees = torch.rad2deg(torch.atan2(up, right))
    assert -21 < degrees.min() < -18
    assert 18 < degrees.max() < 21
    assert degrees.mean().item() == pytest.approx(0, abs=3)
    (left,) = torch.rad2deg(
        torch.atan2(
            *(
                (turn(Z[:1], torch.tensor([15.0]))[0, 0].sum(1 - i) * axis).sum()[None]
                for i, axis in enumerate((y, x))
            )
        )
    )
    assert left.item() == pytest.approx(15, abs=1)


def test_cutouts_are_squares_of_one_size_everywhere() -> None:
    Z = pictures(500)
    cut = augmentation.cutout(Z, 3, generator())
    hole = cut == 0
    assert torch.equal(cut[~hole], Z[~hole])
    assert (hole.sum(dim=(2, 3)) == 9).all()
    assert torch.equal(hole[:, 0], hole[:, 1])
    rows = hole[:, 0].any(dim=2)
    assert (rows.sum(dim=1) == 3).all()
    assert hole[:, 0].any(dim=0).all()
    whole = augmentation.cutout(Z, 6, generator())
    assert ((whole == 0).sum(dim=(2, 3)) == 36).all()
    with pytest.raises(ValueError, match="cutout must fit into images of 6 x 9"):
        augmentation.cutout(Z, 7, generator())


def test_augmentation_depends_only_on_the_member_s_generator() -> None:
    X = torch.stack([pictures(), pictures() + 1])
    kept = X.clone()
    every = Augmentation(flip=True, rotate=15, shift=1, crop=2, cutout=2)
    one, two = (every(X, [generator(3), generator(4)]) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(X, kept)
    assert not torch.equal(one, every(X, [generator(5), generator(4)]))
    for m, seed in enumerate((3, 4)):
        assert torch.equal(every(X[m : m + 1], [generator(seed)])[0], one[m])
    assert torch.equal(Augmentation()(X, [generator(), generator()]), X)
    with pytest.raises(ValueError, match="must be"):
        every(X[0], [generator()])
    with pytest.raises(ValueError, match="shift must not be negative"):
        Augmentation(shift=-1)


def test_outputs_are_averaged_over_views() -> None:
    X = torch.stack([pictures(3)])
    seen = [view[0] for view in views(X, pixels=2)]
    expected = [X[0], *(placed(X[0], *by) for by in ((2, 0), (-2, 0), (0, 2), (0, -2)))]
    assert len(seen) == 10
    for i, view in enumerate(expected):
        assert torch.equal(seen[2 * i], view)
        assert torch.equal(seen[2 * i + 1], view.flip(3))
    assert [v.shape for v in views(X, flips=False, pixels=0)] == [X.shape]
    net = CNN(["conv 3 3x3", "relu", "flatten"], (2, 6, 9), 4, [np.random.default_rng(0)])
    mean = average_over_views(net, X.flatten(2), Pixels((2, 6, 9), 0.0))
    torch.testing.assert_close(mean, sum(net(view) for view in views(X)) / 10)


def test_views_shift_pixels_and_not_the_standardisation() -> None:
    """In units each pixel has a mean of its own; what comes in is the ground of the data."""
    X = torch.stack([pictures(6)[:3], pictures(6)[3:]])  # (2, 3, 2, 6, 9)
    g = generator()
    units = Units(torch.rand(2, 1, 108, generator=g), 0.5 + torch.rand(2, 1, 1, generator=g))
    pixels = Pixels((2, 6, 9), -1.0, units)

    def in_units(images: torch.Tensor) -> torch.Tensor:
        return (images.flatten(2) - units.shift) / units.scale

    seen = [pixels.rows(view) for view in views(pixels.images(in_units(X)))]
    moved = torch.full_like(X, -1.0)
    moved[..., 1:, :] = X[..., :-1, :]
    torch.testing.assert_close(seen[0], in_units(X))
    torch.testing.assert_close(seen[2], in_units(moved))
    torch.testing.assert_close(seen[3], in_units(moved.flip(4)))


def test_an_average_of_weights_is_the_weighted_mean() -> None:
    net, average = new([0, 1], normalisation="batch"), AveragedWeights(0.8)
    g, states = generator(), []
    for _ in range(5):
        with torch.no_grad():
            for tensor in net.state_dict().values():
                tensor.add_(torch.rand(tensor.shape, generator=g, dtype=tensor.dtype))
        states.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
        average.update(net)
    weights = torch.tensor([0.8**k for k in range(5)]).flip(0).double()
    assert average.state.keys() == net.state_dict().keys()
    for name, tensor in average.state.items():
        stacked = torch.stack([state[name] for state in states], dim=-1)
        torch.testing.assert_close(tensor, (stacked * weights).sum(-1) / weights.sum())
        assert torch.equal(net.state_dict()[name], states[-1][name])


def test_averaged_weights_resume_from_their_arrays() -> None:
    net, average = new([0], normalisation="batch"), AveragedWeights(0.9)
    average.update(net)
    average.update(net)
    again = AveragedWeights(0.9)
    again.resume(average.arrays(), net)
    empty = AveragedWeights(0.9)
    empty.resume(AveragedWeights(0.9).arrays(), net)
    net.theta.add_(1.0)
    for one in (average, again, empty):
        one.update(net)
    assert all(torch.equal(again.state[k], v) for k, v in average.state.items())
    assert torch.equal(empty.state["theta"], net.theta)
    with pytest.raises(ValueError, match="below 1"):
        AveragedWeights(1.0)

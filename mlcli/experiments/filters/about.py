"""What `filters` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import About, Caption, Curve

ABOUT = About(
    section="filters",
    summary="Filters, pooling and 1 x 1 convolutions on matrices and pictures.",
    example='mlcli filters --picture flower --kernel "0,1,0;1,-4,1;0,1,0" --padding same',
    flags=("picture", "picture_file", "filters", "kernel", "padding", "stride"),
    takes="images",
    by_intervals=True,
    title="Filters and pooling (sections 8.1 to 8.3 and 8.5)",
    question=(
        "What does a small filter find in an image, and what does pooling keep of it? An image "
        "that moves by a pixel is a new vector to a dense layer; filters move with it, and pools "
        "forget by how much."
    ),
    story="scan",
    figures={
        "unrolled": Caption(
            "Figures 16 and 17",
            "The same digit left, in the middle and right, and three strips of pixels that differ.",
            "One image at three places, and the same three images unrolled into vectors, row of "
            "pixels after row of pixels. Most bright entries of one vector are dark in the others.",
        ),
        "equivariance": Caption(
            "Figures 16 and 17, section 8.3",
            "Two rows of three small maps, the last one empty above and not below, and curves: one "
            "lies at 0, one touches it at every second shift.",
            "A filter at stride 1 and a shift can change places: filtered and then moved by a "
            "pixel is moved and then filtered (above), and the difference is 0. A pool or a stride "
            "has no such shift for every shift of the image (below, the nearest one). Right: the "
            "norm of what is left after the best whole shift of the output, over that of the "
            "output; 0 for the multiples of the stride, more where an image is cut off at its "
            "border. The largest response of each filter does not change at all: it is invariant. "
            "Means over seeds with 95 % intervals.",
        ),
        "shifts": Caption(
            "Figures 16 and 17, measured",
            "Left: cosine of images with themselves shifted, for pixels and for what filters and "
            "pools make of them. Right: share whose nearest other image is of the same class.",
            "Images shifted by whole pixels on a dark ground, each in a direction of its own. "
            "Left: cosine of the unrolled image, or of what filters and pools make of it, before "
            "and after (lines), and with the other images (dotted): where the two meet, a shifted "
            "image is no more like itself than like any other. Right: how often the nearest "
            "other image, not shifted, is of the same class. The largest response of each of four "
            "filters over the whole image does not change at all, and says little. Means over "
            "seeds with 95 % intervals.",
        ),
        "matrices": Caption(
            "Figure 18, (8.1), (8.2), (8.12) corrected",
            "The 6 x 6 matrix with one edge, and matrices that are zero but at the edge.",
            "The notes' matrix and what filters make of it, at stride 1 without padding. (8.12) is "
            "printed with 10; the sum of three differences of 10 is 30.",
        ),
        "inner_products": Caption(
            "(8.4), (8.5), (8.7) and (8.24)",
            "Two tensors of two channels, their products entry by entry, and below all of it "
            "unrolled into rows of eight numbers.",
            "The inner product of two tensors: products entry by entry, added up in each channel "
            "(8.4) and over the channels (8.7), or the inner product of the unrolled tensors "
            "(8.5), in the order of (8.24), with the channel outermost.",
        ),
        "scan": Caption(
            "Figure 20, (8.8) and (8.9)",
            "A 6 x 6 matrix with a frame at a few places, the products in each frame, and the "
            "output with the cell that they add up to.",
            "A filter scans the matrix (8.1), with the stride and the padding of the run (zeros "
            "grey): the pixels under it, each times its weight, and the sum, which is one pixel of "
            "the output. The first place, the strongest response, and the last.",
        ),
        "responses": Caption(
            "Figure 19, (8.11) and (8.13), corrected",
            "A picture, and its edges in purple and orange as each filter sees them.",
            "The picture and the response to each filter, every one on its own scale: orange where "
            "it is brighter under the positive entries than under the negative ones, purple where "
            "it is darker.",
        ),
        "shapes": Caption(
            "(8.14) to (8.17), with the stride",
            "A 6 x 6 image with the places of a 3 x 3 filter, for two strides and two paddings.",
            "Where the middle of a 3 x 3 filter comes to lie on a 6 x 6 image (white; zeros grey), "
            "and the size of the output. Below: outputs for other filters; formula, count and "
            "array agree in each.",
        ),
        "pooling": Caption(
            "Figure 21, (8.19)",
            "A 4 x 4 matrix in four coloured windows, their maxima and means, and the larger of "
            "two channels.",
            "Windows of 2 x 2 at stride 2: the largest number of each, and the mean. Below: "
            "pooling along the depth takes the larger of two channels at every pixel.",
        ),
        "pooled": Caption(
            "Section 8.3",
            "A picture coarse-grained by max and average pooling, two edge filters, and the "
            "largest of four.",
            "Above: the picture, and its pools. Below: the size of the response to filters for "
            "vertical and for horizontal edges, and the largest of four responses at each pixel, "
            "which shows edges of every direction.",
        ),
        "turned": Caption(
            "End of section 8.3",
            "Four humps, one for each filter, and their envelope, which is nearly flat.",
            "An edge turned through a half-circle: the size of the response to each of four "
            "filters, and their maximum, which depends little on the angle.",
        ),
        "pointwise": Caption(
            "Figure 23, (8.20) to (8.22)",
            "Four 4 x 4 inputs, a 3 x 4 matrix of filters, and three 4 x 4 outputs.",
            "Three 1 x 1 filters on four channels: each output pixel is a weighted sum of the four "
            "input pixels at its place, with a row of the matrix as weights.",
        ),
    },
    metrics=(
        "dense.largest_difference_1_by_1",
        "shifts.equivariance_difference",
        "shifts.shift_1.filtered.similarity",
        "shifts.shift_1.max_pooled.similarity",
    ),
    tables=(
        "equivariance",
        "equivariance_maps",
        "inner_products",
        "matrices",
        "picture",
        "pointwise",
        "pooled",
        "scan",
        "scans",
        "shapes",
        "shifts",
        "turned",
        "unrolled",
    ),
    curves=(Curve("shifts", "shift", "similarity", by=("representation",)),),
    devices=("cpu",),
)

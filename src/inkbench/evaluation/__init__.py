"""Test metrics of a trained variant, and the arrays and tables behind its figures.

Arrays in, numbers and tables out. Nothing here imports TensorFlow; `inkbench.prediction` runs the
models. ``docs/metrics.md`` defines the metrics.

Files of ``evaluations/<variant>/``
-----------------------------------
``np.load(path, allow_pickle=False)`` opens the ``.npz`` files. ``h, w`` is the image size
(28, 28), ``n`` a number of images that depends on the data, ``c`` the number of classes, ``d`` the
code size. ``classes`` is always str ``[c]``, indexed by label (``"A"`` …). Images in uint8 are as
in the dataset: 255 is ink for letters and digits, paper for pages. Images in float16 are network
outputs in [0, 1].

task ``reconstruction``
    ``samples.npz``
        ``inputs`` uint8 [n, h, w], the network's input (corrupted for denoising variants);
        ``targets`` uint8 [n, h, w], 0 or 255 for binarised variants; ``reconstructions`` float16
        [n, h, w]; ``labels`` uint8 [n], sorted; ``classes``. At most three test images per class.
    ``codes.npz``, a random sample of at most 2,000 test images
        ``codes`` float16 [n, min(d, 512)], the first dimensions of each code; ``labels`` uint8
        [n]; ``classes``; ``code_size`` int64 [] (d); ``pca2`` float32 [n, 2], the first two
        principal components (the second is zero if d = 1); ``pca_explained`` float32 [2], their
        fractions of the variance; ``tsne2`` float32 [m, 2], of the rows ``tsne_rows`` int64 [m],
        m at most 1,000. Of the whole test part: ``code_edges`` float32 [51] and ``code_counts``
        int64 [50], a histogram of all activations; ``near_zero`` float32 [], the threshold of
        ``code_sparsity``.
    ``weights.npz``, for classification too
        ``layers`` str [k], the layers with a kernel, from input to output; ``sizes`` int64 [k];
        ``near_zero`` float64 [k], the fraction of ``|w| < 1e-3``; ``edges`` float32 [k, 102] and
        ``counts`` int64 [k, 101], a histogram of each kernel, symmetric about 0; ``filters``
        float32 [f, a, b], at most 64 kernels of the first layer: the first input channel of a
        convolution, or images [f, h, w] for a dense layer on pixels.
    ``denoising.npz``, if the variant has noise
        ``clean`` uint8 [n, h, w]; ``labels`` uint8 [n]; ``classes``; ``kinds`` str [k], of
        ``gaussian``, ``salt_pepper`` and ``both``; and for each kind, ``noisy_<kind>`` uint8 and
        ``restored_<kind>`` float16 [n, h, w], of the same images as ``clean``.
    ``generated.npz``, VAE only
        ``samples`` float16 [64, h, w], decoded from the prior; ``interpolations`` float16
        [r, s, h, w], s steps between two test images, with ``interpolation_labels`` uint8 [r, 2];
        ``classes``; ``manifold`` float16 [20, 20, h, w], a decoded grid over the two principal
        axes of the test codes (the code itself if d = 2), the second coordinate decreasing from
        top to bottom, the first increasing from left to right; ``manifold_axis`` float32 [20],
        its coordinates (standard normal quantiles); ``active_units`` bool [d]; ``kl_per_unit``
        float32 [d] in nats.

task ``classification``
    ``predictions.npz``, the whole test part
        ``labels`` uint8 [n], ``probabilities`` float16 [n, c], ``classes``.
    ``confusion.csv``
        ``actual,predicted`` class names, one row per test image (DVC's ``confusion`` template).
    ``per_class.csv``
        ``class,n,precision,recall,f1``.
    ``reliability.csv``
        ``lower,upper,n,confidence,accuracy``: the 15 equal-width bins of ``test_ece``; confidence
        and accuracy are empty where n = 0.
    ``misclassified.npz``, the errors with the highest probability, at most 24 (or none)
        ``images`` uint8 [n, h, w], ``labels`` uint8 [n], ``predicted`` uint8 [n],
        ``probability`` float32 [n] of the predicted class, ``classes``.

tasks ``restoration`` and ``cleaning``
    ``pages.npz``, selected test pages
        For i = 0 … k - 1, ``noisy_<i>``, ``restored_<i>``, ``clean_<i>`` uint8 [h_i, w_i]; in the
        same order, ``names``, ``noise`` and ``role`` str [k] and ``rmse`` float32 [k]. The role
        is ``best``, ``median``, ``worst`` or ``typical`` (of its noise kind).
    ``per_page.csv``
        ``name,noise,height,rmse,psnr,ssim,noisy_rmse,background_rmse``, one row per test page
        in the dataset's order.
"""

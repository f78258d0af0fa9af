"""What the words on a board mean; printed at its foot."""

DEFINITIONS = """\
- **error**: share of all n examples that the model labels wrongly when shown the adversarial input; **clean error**
  likewise.
- **robust accuracy**: share right on the clean input *and* right on every valid candidate of budget <= eps. It is an
  upper bound: these attacks are weak, and a stronger one can only lower it.
- **worst**: robust accuracy under the worst of all the suite's attacks at once, example by example: the model's own
  FGSM, transfer from every reference model, and noise. **rank** = 1 + the number of models significantly better in it
  (exact McNemar tests, Holm's correction, 5%): models of one rank cannot be told apart, and since that depends on the
  pair, ranks need not follow the accuracies to the last. Rows over a sample of the examples (`iterated-fgsm`), failed
  and randomised models do not rank.
- **95%**: Wilson interval. It covers the sampling of test examples only, not another training of the model.
- **attack success**: share fooled among the examples that are right when clean.
- **confidence on mistakes**: mean probability of the class given, over the mistakes. Kinds (softmax, sigmoid, votes,
  leaf fraction, calibrated) are never compared with each other.
- **gradient**: `exact`, or `surrogate` where the model has none and its attacks follow a smooth stand-in, or `none`:
  then only noise and transfer attack it.
- **abstention**: costs accuracy on a clean input; on an adversarial one it is no success of the attack.
- **transfer**: crafted on the source, judged on the target. Read it beside the clean and the noise rows: what noise of
  the same size does as well is no transfer.
- **flags** of the rows: `weaker-than-noise`, `weaker-than-transfer`, `single-step` (an iterated attack beats FGSM by
  more than 5 points), `not-monotone`, `label-leaking`: another attack shows that FGSM flatters this model;
  `labels-only` no gradient: attacked by transfer and noise alone, which flatters it.
- **flags** of the model, from checks on 100 of its clean inputs at most (`bench check MODEL` makes them all, and tells
  what it saw): `randomised` repeated passes differ, and nothing else was checked; `batch-dependent` an answer changes
  with the rest of the batch; `scores-disagree` the first largest score is not the label's; `labels-differ` labels are
  not those of the original model, on clean or attacked inputs; `softmax-as-logits` probabilities where logits are due,
  which squashes gradients; `gradient-wrong` the gradient of the logit margin is not that of finite differences (cosine
  below 0.99), or exact logits lead to other classes than the labels; `zero-gradient` an example whose gradient is zero
  in every feature, or that an unclipped step did not move; `8-bit-fragile` more than a tenth of FGSM's successes is
  lost when rounded to 8 bits; `unbounded-survives` more than chance is left right by an attack with a budget of the
  whole range; `too-few-classes` it tells two classes apart at most, so that confidence and targets say little;
  `train-mode` handed over in training mode (and judged in evaluation mode); `no-version` a function without a version,
  whose results are never reused.
"""

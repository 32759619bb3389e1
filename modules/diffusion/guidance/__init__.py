"""Guidance: how what the network sees with and without the prompt becomes one answer.

views        what the network saw at one moment of a run
rules        positive and negative into one picture: CFG, APG, CFG-Zero*
corrections  amends the guided picture: rescale, dynamic thresholding, mimicked CFG
limits       when there is no guidance, and when there is no negative: intervals, NGMS, skip-early
plan         Guidance: one rule, any number of the others, and the order in which they act
rows         the network called with as many rows at once as may be
guided_denoiser   denoised = denoiser(x, sigma) of a batch with its prompts
"""

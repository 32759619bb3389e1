"""Layout of the Merge tab: two or three checkpoints made into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.merge_recipe import METHODS
from modules.ui.assets import asset
from modules.ui.controls import (
    lay_out_choice,
    lay_out_line,
    lay_out_number,
    lay_out_one_of,
    lay_out_switch,
    lay_out_text,
)
from modules.ui.notices import lay_out_notice, lay_out_remark

MODELS = {"primary": "Model A", "secondary": "Model B", "tertiary": "Model C"}
PRECISIONS = [("As model A", ""), ("fp16, half the size of fp32", "fp16"), ("bf16", "bf16"), ("fp32", "fp32")]
FORMULAS = {
    "No interpolation": "A as it is: to change its precision, bake a VAE in, or leave tensors out.",
    "Weighted sum": "A × (1 − M) + B × M. With M = 0 the result is A, with 1 it is B.",
    "Add difference": "A + (B − C) × M. What training made of C to become B, added to A.",
}
_BLOCKS_HELP = (
    "Empty: the multiplier everywhere. Rules such as IN00-IN05=0.4, M00=0.5, OUT*=0..1, TE=0, where a later one wins; "
    "or one number for each block. Stable Diffusion 1 and 2 have IN00 to IN11, M00 and OUT00 to OUT11, SDXL IN00 to "
    "IN08, M00 and OUT00 to OUT08. UNET is all of them, BASE the rest: TE (TE1, TE2) and VAE."
)


@dataclass(frozen=True)
class MergeTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    form: dict[str, Component]
    formula: gr.HTML
    merge: gr.Button
    cancel: gr.Button
    notice: gr.HTML
    status: gr.HTML
    """How the merge goes, as `merge_handlers` tells it."""
    result: gr.HTML
    made: gr.Textbox
    """The name of the model that was made; empty without one."""
    use: gr.Button
    under_way: gr.Textbox
    """Whether the page has to look again soon."""
    timer: gr.Timer

    def state(self) -> set[Component]:
        """What changes while a merge is under way."""
        return {self.merge, self.cancel, self.notice, self.status, self.result, self.made, self.use, self.under_way}


def lay_out_merge() -> MergeTab:
    """The tab; its lists are filled when it is opened."""
    with gr.Tab("Merge", id="merge", elem_id="merge-tab") as tab, gr.Row(elem_id="merge-work", elem_classes=["work"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["left"]):
            with gr.Column(elem_classes=["prompts"]):
                form, formula = _lay_out_recipe()
            with gr.Column(elem_classes=["settings"]):
                form |= _lay_out_result_options()
        with gr.Column(scale=6, min_width=320, elem_classes=["right"]):
            with gr.Column(elem_classes=["actions"]):
                actions = _lay_out_actions()
            with gr.Column(elem_classes=["result"]):
                outcome = _lay_out_outcome()
    return MergeTab(tab=tab, form=form, formula=formula, **actions, **outcome)


def _lay_out_recipe() -> tuple[dict[str, Component], gr.HTML]:
    form: dict[str, Component] = {}
    with gr.Column(elem_classes=["merge-models"]):
        form["method"] = lay_out_one_of(
            "merge-method", list(METHODS), "Weighted sum", label="Method", classes=["merge-method"]
        )
        formula = lay_out_remark("merge-formula", text=FORMULAS["Weighted sum"])
        for name, label in MODELS.items():
            form[name] = lay_out_choice(f"merge-{name}", [], None, label=label, filterable=True)
    form["tertiary"].visible = False  # the method at first takes two
    form["multiplier"] = lay_out_number(
        "merge-multiplier", label="Multiplier (M)", value=0.3, minimum=0, maximum=1, step=0.05
    )
    form["name"] = lay_out_line(
        "merge-name", label="Name of the result", value="", placeholder="Made of the names and M"
    )
    return form, formula


def _lay_out_result_options() -> dict[str, Component]:
    form: dict[str, Component] = {}
    with gr.Row(elem_classes=["fields"]):
        form["dtype"] = lay_out_choice("merge-dtype", PRECISIONS, "", label="Precision")
        form["vae"] = lay_out_choice("merge-vae", [("As in model A", "")], "", label="VAE to bake in", filterable=True)
    with gr.Column(elem_classes=["accordions"]):
        with gr.Accordion("Multipliers block by block", open=False, elem_id="merge-blocks-fields"):
            form["blocks"] = lay_out_text(
                "merge-blocks",
                label="Blocks",
                value="",
                placeholder="IN00-IN05=0.4, M00=0.5, OUT*=0..1, TE=0",
                info=_BLOCKS_HELP,
            )
        with gr.Accordion("Tensors left out, metadata", open=False, elem_id="merge-more-fields"):
            form["discard"] = lay_out_line(
                "merge-discard",
                label="Leave out",
                value="",
                placeholder="model_ema.*",
                info="Patterns for names of tensors, with * and ?, separated by spaces",
            )
            form["copy_metadata"] = lay_out_switch(
                "merge-copy-metadata",
                label="Copy the metadata of the models",
                value=True,
                info="The recipe is always written into the result",
            )
            form["overwrite"] = lay_out_switch(
                "merge-overwrite", label="Overwrite a model of the same name", value=False
            )
    return form


def _lay_out_actions() -> dict[str, Any]:
    with gr.Row(elem_classes=["buttons"]):
        merge = gr.Button(
            "Merge", variant="primary", size="lg", scale=4, min_width=160, elem_id="merge", elem_classes=["generate"]
        )
        cancel = gr.Button(
            "Cancel",
            variant="stop",
            size="lg",
            scale=1,
            min_width=120,
            interactive=False,
            elem_id="merge-cancel",
            elem_classes=["stopping", "interrupt"],
        )
    return {"merge": merge, "cancel": cancel, "notice": lay_out_notice()}


def _lay_out_outcome() -> dict[str, Any]:
    status = gr.HTML(
        value={"busy": False, "empty": True},
        html_template=asset("merge_status.html"),
        js_on_load=asset("status.js"),
        elem_id="merge-status",
        elem_classes=["status-box"],
    )
    result = lay_out_remark("merge-result")
    return {
        "status": status,
        "result": result,
        "use": gr.Button("Use it", variant="primary", size="md", visible=False, elem_id="merge-use"),
        "made": gr.Textbox("", visible="hidden", elem_id="merge-made"),
        "under_way": gr.Textbox("", visible="hidden", elem_id="merge-under-way"),
        "timer": gr.Timer(0.5, active=False),
    }

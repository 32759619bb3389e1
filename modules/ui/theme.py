"""Colours, type and shapes of the page. Fonts are the system's own: nothing is fetched from anywhere."""

from __future__ import annotations

from gradio.themes import Base, Color

SANS = ("Inter", "ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

# Ink: a grey with a breath of violet, so that pictures and not the page bring the colour.
INK = Color(
    "#f8f8fb", "#f0f0f5", "#e3e3eb", "#cccdd8", "#9a9bab", "#6f7083", "#535467", "#3c3d4e", "#262734", "#191a24",
    "#101118", name="ink",
)  # fmt: skip
# Violet: the one accent, dark enough at 600 for white text (contrast 5.6).
VIOLET = Color(
    "#f4f1ff", "#eae4ff", "#d6cbff", "#b9a6ff", "#9a7dff", "#7f5af0", "#6c44dd", "#5934bd", "#482b98", "#372373",
    "#21144a", name="violet",
)  # fmt: skip


def build_theme() -> Base:
    """The theme, light and dark."""
    theme = Base(primary_hue=VIOLET, secondary_hue=VIOLET, neutral_hue=INK, font=SANS, font_mono=MONO, radius_size="lg")
    return theme.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_900",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="0 1px 2px rgb(25 26 36 / 4%)",
        block_shadow_dark="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_title_text_weight="600",
        block_title_text_size="*text_sm",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_info_text_size="*text_xs",
        block_padding="12px 14px",
        layout_gap="14px",
        form_gap_width="1px",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_950",
        input_border_color="*neutral_200",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        input_border_width="1px",
        input_shadow_focus="0 0 0 3px rgb(127 90 240 / 18%)",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_500",
        slider_color="*primary_500",
        slider_color_dark="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_primary_shadow="0 1px 2px rgb(55 35 115 / 30%)",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_200",
        button_secondary_border_color_dark="*neutral_700",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_100",
        button_secondary_shadow="none",
        button_border_width="1px",
        button_cancel_background_fill="white",
        button_cancel_background_fill_dark="*neutral_800",
        button_cancel_background_fill_hover="#fdecec",
        button_cancel_background_fill_hover_dark="#4a1d24",
        button_cancel_border_color="*neutral_200",
        button_cancel_border_color_dark="*neutral_700",
        button_cancel_text_color="#b3202e",
        button_cancel_text_color_dark="#ff9aa2",
        button_cancel_text_color_hover="#b3202e",
        button_cancel_text_color_hover_dark="#ffb3b9",
        button_large_text_weight="650",
        button_medium_text_weight="550",
        button_transition="background-color 0.15s ease, border-color 0.15s ease, color 0.15s ease",
        table_even_background_fill="white",
        table_even_background_fill_dark="*neutral_900",
        table_odd_background_fill="*neutral_50",
        table_odd_background_fill_dark="*neutral_950",
    )

//! One scenario as an SVG: live heap over events, both sides, readable alone, on white and on black.
//!
//! The background is transparent. Greys and the two line colours (Okabe and Ito's blue and vermilion, told apart with
//! every kind of colour blindness, both lightened a little) keep a contrast of 3:1 and more on either.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::summary::{EndingWord, ScenarioSummary, SideSummary, heap};
use super::{table, units};
use crate::protocol::{Sample, Side};
use crate::{Error, Result};

const SIZE: (u32, u32) = (880, 420);
/// Room right of the plot for the lines' own labels.
const LABELS_WIDTH: u32 = 176;
const TEXT: RGBColor = RGBColor(0x78, 0x78, 0x78);
const UPSTREAM: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const PATCHED: RGBColor = RGBColor(0x1b, 0x84, 0xc7);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws `row` with the samples of both sides, in that order. `caption` says where it comes from.
///
/// # Errors
/// [`Error::Plot`].
pub fn svg(row: &ScenarioSummary, samples: [&[Sample]; 2], caption: &str) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, row, samples, caption).map_err(|error| Error::Plot {
        scenario: row.name.clone(),
        what: error.to_string(),
    })?;
    Ok(svg)
}

/// What plotters reports; its own error types carry the backend's.
type Drawn<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn draw(svg: &mut String, row: &ScenarioSummary, samples: [&[Sample]; 2], caption: &str) -> Drawn {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    frame(&area, row, caption)?;
    let series = samples.map(heap);
    let most = series
        .iter()
        .flatten()
        .map(|(_, bytes)| *bytes)
        .fold(0.0, f64::max);
    let (unit, size) = units::scale(most);
    let ceiling = (most / size * 1.08).max(1.0);
    let plot = area.margin(64, 34, 8, 0);
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .margin_right(LABELS_WIDTH)
        .build_cartesian_2d(0..row.events.max(1), 0.0..ceiling)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(TEXT.mix(0.25))
        .light_line_style(TRANSPARENT)
        .axis_style(TEXT.mix(0.6))
        .label_style(text(12, &TEXT))
        .axis_desc_style(text(13, &TEXT))
        .x_labels(7)
        .y_labels(6)
        .x_label_formatter(&|events| units::count(*events))
        .y_label_formatter(&|figure| tick(*figure, ceiling))
        .x_desc(format!("events ({})", row.event))
        .y_desc(format!("live heap ({unit})"))
        .draw()?;
    if let Some(warm) = warmup(row) {
        chart.draw_series([Rectangle::new(
            [(0, 0.0), (warm, ceiling)],
            TEXT.mix(0.08).filled(),
        )])?;
        let at = chart.backend_coord(&(0, ceiling));
        area.draw_text(
            "warm-up, not judged",
            &text(11, &TEXT),
            (at.0 + 6, at.1 + 4),
        )?;
    }
    let mut ends = Vec::new();
    for ((points, colour), side) in series
        .iter()
        .zip([UPSTREAM, PATCHED])
        .zip([Side::Upstream, Side::Patched])
    {
        let points: Vec<_> = points
            .iter()
            .map(|(at, bytes)| (*at, bytes / size))
            .collect();
        if let Some(last) = points.last() {
            ends.push((chart.backend_coord(last), colour, side));
        }
        if let Some(band) = band(row, side, &points, ceiling, size) {
            chart.draw_series([Polygon::new(band, colour.mix(0.18))])?;
        }
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    labels(&area, row, ends)?;
    area.present()?;
    Ok(())
}

/// Title above, origin below.
fn frame(area: &Area<'_>, row: &ScenarioSummary, caption: &str) -> Drawn {
    let title = format!("{} – {}", row.name, table::word(row));
    area.draw_text(&title, &text(18, &TEXT), (12, 10))?;
    area.draw_text(&row.about, &text(13, &TEXT), (12, 36))?;
    area.draw_text(caption, &text(11, &TEXT), (12, SIZE.1 as i32 - 20))?;
    Ok(())
}

/// Each line's name and growth at its end, moved apart where they would touch.
fn labels(
    area: &Area<'_>,
    row: &ScenarioSummary,
    mut ends: Vec<((i32, i32), RGBColor, Side)>,
) -> Drawn {
    const APART: i32 = 38;
    ends.sort_by_key(|((_, y), ..)| *y);
    if let [(upper, ..), (lower, ..)] = ends.as_mut_slice() {
        let push = (APART - (lower.1 - upper.1)).max(0);
        upper.1 -= push;
    }
    for ((_, y), colour, side) in ends {
        let left = (SIZE.0 - LABELS_WIDTH) as i32 + 8;
        let growth = growth(row.of(side));
        let name = match side {
            Side::Upstream => "upstream, untouched",
            Side::Patched => "patched",
        };
        let style = |size| text(size, &colour).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(name, &style(13), (left, y - 7))?;
        area.draw_text(&growth, &style(12), (left, y + 8))?;
    }
    Ok(())
}

fn growth(side: Option<&SideSummary>) -> String {
    match side.map(|side| (side.ending, side.heap_growth)) {
        Some((EndingWord::Failed, _)) => "failed here".into(),
        Some((EndingWord::Dead, _)) => "died here".into(),
        Some((_, Some(growth))) => format!("{} per event", units::bytes(growth.per_event)),
        Some((_, None)) | None => "growth not known".into(),
    }
}

/// Where the line lies by the interval of its slope, after the warm-up: turned about its middle. `size`: how many bytes the
/// plot's unit is.
fn band(
    row: &ScenarioSummary,
    side: Side,
    points: &[(u64, f64)],
    ceiling: f64,
    size: f64,
) -> Option<Vec<(u64, f64)>> {
    let side = row.of(side)?;
    let growth = side.heap_growth?;
    let warm = side.warmup_events?;
    let settled = || points.iter().filter(|(at, _)| *at >= warm);
    let (first, last) = (settled().next()?.0, settled().next_back()?.0);
    let middle = (first + last) as f64 / 2.0;
    let slope = growth.per_event / size;
    let mut heights: Vec<_> = settled()
        .map(|(at, figure)| figure - slope * (*at as f64 - middle))
        .collect();
    heights.sort_by(f64::total_cmp);
    let height = heights[heights.len() / 2];
    let at = |events: u64, slope: f64| {
        let figure = height + slope / size * (events as f64 - middle);
        (events, figure.clamp(0.0, ceiling))
    };
    Some(vec![
        at(first, growth.lower),
        at(middle as u64, growth.lower),
        at(last, growth.lower),
        at(last, growth.upper),
        at(middle as u64, growth.upper),
        at(first, growth.upper),
    ])
}

/// Where the growth begins to be taken on either side, if that is within the plot.
fn warmup(row: &ScenarioSummary) -> Option<u64> {
    let warm = [&row.upstream, &row.patched]
        .into_iter()
        .filter_map(|side| side.as_ref()?.warmup_events)
        .min()?;
    (0 < warm && warm < row.events).then_some(warm)
}

/// As many decimals as the axis needs.
fn tick(figure: f64, ceiling: f64) -> String {
    if ceiling < 10.0 {
        format!("{figure:.1}")
    } else {
        units::count(figure.round() as u64)
    }
}

/// Text of `size` pixels: plotters takes points and writes 1/1.24 of them.
fn text(size: i32, colour: &RGBColor) -> TextStyle<'static> {
    (FONT, f64::from(size) * 1.24).into_font().color(colour)
}

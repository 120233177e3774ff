//! What came of a row, and the table of a group's figures.

use std::collections::BTreeMap;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::{Reach, Row};

/// A measured row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was done, by what.
    pub work: String,
    /// `ns` for times, `B` for bytes, `of N` for updates lost.
    pub unit: String,
    /// Ours.
    pub ours: f64,
    /// The reference.
    pub reference: f64,
    /// Ours / reference.
    pub ratio: f64,
    /// The highest ratio that is promised.
    pub reach: Reach,
}

impl Figure {
    pub(crate) fn new(row: &Row, unit: String, ours: f64, reference: f64) -> Self {
        Self { work: row.work.clone(), unit, ours, reference, ratio: ours / reference, reach: row.reach }
    }

    /// Whether the ratio is within what is promised; true where nothing is.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.reach.is_none_or(|reach| self.ratio <= reach)
    }

    /// The ratio, as it stands in the table.
    #[must_use]
    pub fn ratio_text(&self) -> String {
        if self.ratio == 0.0 { "0".to_owned() } else { three_digits(self.ratio) }
    }

    /// The promised ratio, as it stands in the table.
    #[must_use]
    pub fn reach_text(&self) -> String {
        self.reach.map_or_else(|| "-".to_owned(), |reach| reach.to_string())
    }

    fn amount(&self, amount: f64) -> String {
        match (self.unit.as_str(), amount) {
            ("ns", 1e6..) => format!("{} ms", three_digits(amount / 1e6)),
            ("ns", 1e3..) => format!("{} µs", three_digits(amount / 1e3)),
            ("ns", _) => format!("{} ns", three_digits(amount)),
            (unit, _) => format!("{amount} {unit}"),
        }
    }
}

/// The figures as a table in Markdown, so that it can be pasted into a document.
#[must_use]
pub fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(["work", "ours", "reference", "ratio", "reach"]);
    for figure in figures {
        let [ours, reference] = [figure.ours, figure.reference].map(|amount| figure.amount(amount));
        table.add_row([figure.work.clone(), ours, reference, figure.ratio_text(), figure.reach_text()]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The ratios of rows that are called `TYPE: WORK`, a line a type and a column a work; of lost updates both sides' numbers.
#[must_use]
pub fn matrix(figures: &[Figure]) -> Table {
    let (mut types, mut works): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut cells = BTreeMap::new();
    for figure in figures {
        let (of, work) = figure.work.split_once(": ").unwrap_or((&figure.work, "ratio"));
        for (name, names) in [(of, &mut types), (work, &mut works)] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let is_count = figure.unit.starts_with("of ");
        let text = || format!("{} / {} {}", figure.ours, figure.reference, figure.unit);
        cells.insert((of, work), if is_count { text() } else { figure.ratio_text() });
    }
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([""].iter().chain(&works));
    for of in types {
        let ratios = works.iter().map(|work| cells.remove(&(of, *work)).unwrap_or_default());
        table.add_row([of.to_owned()].into_iter().chain(ratios));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A number with three significant digits, or all digits before its point.
fn three_digits(number: f64) -> String {
    let before_the_point = number.log10().floor() as i32 + 1;
    let decimals = usize::try_from(3 - before_the_point).unwrap_or(0);
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::{Figure, matrix, three_digits};

    #[test]
    fn numbers_have_three_digits() {
        let texts = [0.012_34, 0.5, 1.0, 12.34, 99.96, 123.4, 1_234.5].map(three_digits);
        assert_eq!(texts, ["0.0123", "0.500", "1.00", "12.3", "100.0", "123", "1234"]);
    }

    #[test]
    fn a_matrix_has_a_line_a_type_and_a_column_a_work() {
        let figure = |work: &str, unit: &str, ours, reference| Figure {
            work: work.to_owned(),
            unit: unit.to_owned(),
            ours,
            reference,
            ratio: ours / reference,
            reach: None,
        };
        let figures =
            [figure("A: add", "ns", 1.0, 2.0), figure("B: add", "ns", 3.0, 2.0), figure("B: lost", "of 60", 0.0, 40.0)];
        let text = matrix(&figures).to_string();
        let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(cells[0], ["", "", "add", "lost", ""]);
        assert_eq!(cells[2], ["", "A", "0.500", "", ""]);
        assert_eq!(cells[3], ["", "B", "1.50", "0 / 40 of 60", ""]);
    }

    #[test]
    fn a_ratio_at_its_reach_is_within_it() {
        let figure = |ratio, reach| Figure {
            work: String::new(),
            unit: "ns".to_owned(),
            ours: ratio,
            reference: 1.0,
            ratio,
            reach,
        };
        assert!(figure(2.0, Some(2.0)).is_met() && figure(9.0, None).is_met());
        assert!(!figure(2.1, Some(2.0)).is_met() && !figure(f64::NAN, Some(2.0)).is_met());
    }
}

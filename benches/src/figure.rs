//! What came of a row, and the table of a group's figures.

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

/// A number with three significant digits, or all digits before its point.
fn three_digits(number: f64) -> String {
    let before_the_point = number.log10().floor() as i32 + 1;
    let decimals = usize::try_from(3 - before_the_point).unwrap_or(0);
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::{Figure, three_digits};

    #[test]
    fn numbers_have_three_digits() {
        let texts = [0.012_34, 0.5, 1.0, 12.34, 99.96, 123.4, 1_234.5].map(three_digits);
        assert_eq!(texts, ["0.0123", "0.500", "1.00", "12.3", "100.0", "123", "1234"]);
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

//! The table of figures: ours, what stands beside it, their ratio, the goal.

use fastcontainer_lab::say;
use serde_json::{Value, json};

/// What a figure counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
    Mebibytes,
    Bytes,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// At most this much.
    AtMost(f64),
    /// At most this many times what stands beside it.
    TimesBeside(f64),
}

/// One measure.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) measure: &'static str,
    pub(super) unit: Unit,
    pub(super) ours: f64,
    /// `None` when there is nothing to compare with.
    pub(super) beside: Option<f64>,
    pub(super) goal: Goal,
}

impl Figure {
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtMost(most) => Some(self.ours <= most),
            Goal::TimesBeside(times) => self.beside.map(|beside| self.ours <= beside * times),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "ok",
            Some(false) => "miss",
            None => "-",
        }
    }

    fn ratio(&self) -> Option<f64> {
        self.beside
            .filter(|beside| *beside > 0.0)
            .map(|beside| self.ours / beside)
    }
}

/// All measures of a run.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    pub(super) fn add(&mut self, figure: Figure) {
        say(&format!(
            "   {}: {}, beside {}",
            figure.measure,
            figure.unit.show(figure.ours),
            show(figure.beside, |beside| figure.unit.show(beside))
        ));
        self.0.push(figure);
    }

    pub(super) fn print(&self) {
        say(&line(["measure", "ours", "beside", "ratio", "goal", ""]));
        for figure in &self.0 {
            let goal = match figure.goal {
                Goal::AtMost(most) => figure.unit.show(most),
                Goal::TimesBeside(times) => format!("{times:.1} x"),
            };
            say(&line([
                figure.measure,
                &figure.unit.show(figure.ours),
                &show(figure.beside, |beside| figure.unit.show(beside)),
                &show(figure.ratio(), |ratio| format!("{ratio:.2} x")),
                &format!("<= {goal}"),
                figure.verdict(),
            ]));
        }
        say(NOTES);
    }

    pub(super) fn json(&self) -> Value {
        let figure = |figure: &Figure| {
            let (bound, goal) = match figure.goal {
                Goal::AtMost(most) => ("atMost", most),
                Goal::TimesBeside(times) => ("timesBeside", times),
            };
            json!({
                "measure": figure.measure, "unit": figure.unit.name(), "ours": figure.ours, "beside": figure.beside,
                "ratio": figure.ratio(), "goal": { bound: goal }, "met": figure.is_met(),
            })
        };
        json!({ "figures": self.0.iter().map(figure).collect::<Vec<_>>() })
    }
}

const NOTES: &str = "\
Medians of alternating rounds. Beside process and preview figures: the docker-build provider 0.0.22; beside the others:
buildctl on the same daemon, tree and registry. Solve time: ours is the whole operation as the provider reports it
(fingerprint, look-up, build, push, verification, tag) without the CLI; buildctl's is its process less `buildctl --version`.
Context bytes are those of file contents; buildctl's are what the daemon reports less what it reports for an unchanged tree.";

fn line(cells: [&str; 6]) -> String {
    let [measure, ours, beside, ratio, goal, verdict] = cells;
    format!("{measure:<52} {ours:>12} {beside:>12} {ratio:>8} {goal:>13}  {verdict}")
}

fn show<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Bytes => format!("{value:.0} B"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Mebibytes => "MiB",
            Self::Bytes => "B",
        }
    }
}

/// The value in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => f64::NAN,
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_of_an_odd_count_and_the_mean_of_two_of_an_even_one() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]).to_bits(), 5f64.to_bits());
        assert_eq!(median(vec![9.0, 1.0, 5.0, 7.0]).to_bits(), 6f64.to_bits());
    }

    #[test]
    fn goal_beside_nothing_is_neither_met_nor_missed() {
        let figure = |beside| Figure {
            measure: "",
            unit: Unit::Seconds,
            ours: 2.0,
            beside,
            goal: Goal::TimesBeside(1.0),
        };
        assert_eq!(figure(None).is_met(), None);
        assert_eq!(figure(Some(2.0)).is_met(), Some(true));
        assert_eq!(figure(Some(1.9)).is_met(), Some(false));
    }
}

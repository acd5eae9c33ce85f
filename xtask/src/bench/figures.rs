//! The table of figures: ours, what stands beside it, their ratio, the goal.

use fastcontainer_lab::say;
use serde_json::{Value, json};

/// Symbol of a unit, and how many decimals are shown.
pub(super) type Unit = (&'static str, usize);

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// At most this much.
    AtMost(f64),
    /// At most this many times what stands beside it.
    TimesBeside(f64),
    /// At most this fraction, given as its denominator, of what stands beside it.
    FractionOfBeside(f64),
    /// At most this much more than what stands beside it.
    OverBeside(f64),
    /// Whatever it is: depends on the machine, and stands there to be compared with other runs on it.
    Shown,
}

#[derive(Debug)]
struct Figure {
    measure: String,
    unit: Unit,
    ours: f64,
    beside: Option<f64>,
    goal: Goal,
}

/// All measures of a run.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a measure and shows it at once; `beside` is `None` when there is nothing to compare with.
    pub(super) fn add(&mut self, (measure, unit): (&str, Unit), ours: f64, beside: Option<f64>, goal: Goal) {
        let figure = Figure {
            measure: measure.to_owned(),
            unit,
            ours,
            beside,
            goal,
        };
        say(&figure.line());
        self.0.push(figure);
    }

    /// Shows the table; `notes` say what stands beside what.
    pub(super) fn print(&self, notes: &str) {
        say(&line(["", "ours", "beside", "ratio", "goal", ""]));
        for figure in &self.0 {
            say(&figure.line());
        }
        say(notes);
    }

    pub(super) fn json(&self) -> Value {
        let figure = |figure: &Figure| {
            let goal = match figure.goal {
                Goal::AtMost(most) => json!({ "atMost": most }),
                Goal::TimesBeside(times) => json!({ "timesBeside": times }),
                Goal::FractionOfBeside(part) => json!({ "fractionOfBeside": 1.0 / part }),
                Goal::OverBeside(more) => json!({ "overBeside": more }),
                Goal::Shown => Value::Null,
            };
            json!({
                "measure": figure.measure, "unit": figure.unit.0, "ours": figure.ours, "beside": figure.beside,
                "ratio": figure.ratio(), "goal": goal, "met": figure.is_met(),
            })
        };
        json!({ "figures": self.0.iter().map(figure).collect::<Vec<_>>() })
    }
}

impl Figure {
    /// `None` beside nothing.
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtMost(most) => Some(self.ours <= most),
            Goal::TimesBeside(times) => self.beside.map(|beside| self.ours <= beside * times),
            Goal::FractionOfBeside(part) => self.beside.map(|beside| self.ours * part <= beside),
            Goal::OverBeside(more) => self.beside.map(|beside| self.ours <= beside + more),
            Goal::Shown => None,
        }
    }

    fn ratio(&self) -> Option<f64> {
        let beside = self.beside.filter(|beside| *beside > 0.0)?;
        Some(self.ours / beside)
    }

    /// A small fraction reads best as one.
    fn show_ratio(&self, ratio: f64) -> String {
        match self.goal {
            Goal::FractionOfBeside(_) => format!("1/{:.1}", 1.0 / ratio),
            _ => format!("{ratio:.2} x"),
        }
    }

    fn line(&self) -> String {
        let (symbol, decimals) = self.unit;
        let show = |value: f64| format!("{value:.decimals$} {symbol}");
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let goal = match self.goal {
            Goal::AtMost(most) => format!("<= {}", show(most)),
            Goal::TimesBeside(times) => format!("<= {times} x"),
            Goal::FractionOfBeside(part) => format!("<= 1/{part}"),
            Goal::OverBeside(more) => format!("<= + {}", show(more)),
            Goal::Shown => "-".to_owned(),
        };
        line([
            &self.measure,
            &show(self.ours),
            &or_dash(self.beside.map(show)),
            &or_dash(self.ratio().map(|ratio| self.show_ratio(ratio))),
            &goal,
            self.is_met().map_or("-", |met| if met { "ok" } else { "miss" }),
        ])
    }
}

fn line([measure, ours, beside, ratio, goal, verdict]: [&str; 6]) -> String {
    format!("{measure:<50} {ours:>11} {beside:>11} {ratio:>8} {goal:>12}  {verdict}")
}

/// The value in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

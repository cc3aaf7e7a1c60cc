//! JavaScript through rquickjs. Its numbers are exact up to 2^53, and the rule says so when one is beyond.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use guanjia_domain::values::{FeeAnswer, Numbers};
use rquickjs::{Context, Function, Object, Runtime};

use super::{COLUMNS, Tariff, answer};

const SOURCE: &str = r#"
function exactly(value) {
    if (!Number.isSafeInteger(value)) throw new Error("out of range");
    return value;
}

function evaluate(price, price_scale, surcharge, surcharge_scale, area_scale, areas) {
    const out = { amount: [], row: [], kind: [], value: [], value_scale: [], arg_count: [], arg: [], arg_scale: [] };
    const step = (line, kind, value, scale, count) => {
        out.row.push(line); out.kind.push(kind); out.arg_count.push(count);
        out.value.push(value); out.value_scale.push(scale);
    };
    const arg = (value, scale) => { out.arg.push(value); out.arg_scale.push(scale); };
    const scale = area_scale + price_scale;
    const added = exactly(surcharge * 10 ** (scale - surcharge_scale));
    const unit = 10 ** (scale - 2);
    for (let line = 0; line < areas.length; line++) {
        const area = areas[line];
        let exact = exactly(area * price);
        let before = exact, places = scale;
        while (places > 2 && before % 10 === 0) { before /= 10; places--; }
        step(line, 0, before, places, 2);
        arg(area, area_scale);
        arg(price, price_scale);
        if (surcharge !== 0) {
            exact = exactly(exact + added);
            let total = exact, total_places = scale;
            while (total_places > 2 && total % 10 === 0) { total /= 10; total_places--; }
            step(line, 1, total, total_places, 2);
            arg(before, places);
            arg(surcharge, surcharge_scale);
            before = total; places = total_places;
        }
        const raised = exactly(exact + unit / 2);
        const minor = (raised - raised % unit) / unit;
        if (minor * unit !== exact) {
            step(line, 4, minor, 2, 1);
            arg(before, places);
        }
        out.amount.push(minor);
    }
    return out;
}

function endless() { for (;;); }
"#;

/// The engine asks from time to time whether it is to stop; after so many times it is.
const QUESTIONS: u32 = 10_000;

pub struct Engine {
    context: Context,
    questions: Arc<AtomicU32>,
}

impl Engine {
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let questions = Arc::new(AtomicU32::new(0));
        let counted = questions.clone();
        let stop = move || counted.fetch_add(1, Ordering::Relaxed) >= QUESTIONS;
        runtime.set_interrupt_handler(Some(Box::new(stop)));
        let context = Context::full(&runtime).unwrap();
        context.with(|ctx| ctx.eval::<(), _>(SOURCE)).unwrap();
        Self { context, questions }
    }

    pub fn evaluate(&self, tariff: Tariff, areas: &Numbers) -> FeeAnswer {
        self.questions.store(0, Ordering::Relaxed);
        let [price, price_scale, surcharge, surcharge_scale, area_scale] = tariff.numbers(areas);
        let columns = self.context.with(|ctx| {
            let evaluate: Function<'_> = ctx.globals().get("evaluate").unwrap();
            let list = areas.mantissas.clone();
            let result: Object<'_> =
                evaluate.call((price, price_scale, surcharge, surcharge_scale, area_scale, list)).unwrap();
            COLUMNS.map(|name| result.get(name).unwrap())
        });
        answer(tariff, areas, columns)
    }

    /// Whether an endless loop ends.
    pub fn stops(&self) -> bool {
        self.questions.store(0, Ordering::Relaxed);
        self.context.with(|ctx| {
            let endless: Function<'_> = ctx.globals().get("endless").unwrap();
            endless.call::<_, ()>(()).is_err()
        })
    }
}

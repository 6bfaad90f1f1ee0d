//! The program that libFuzzer drives. The variable `RTC_FUZZ_TARGET` names the target; `RTC_FUZZ_SEEDS` a folder that
//! its seeds are written to before anything else. The target `list` names all of them.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<rtc_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("RTC_FUZZ_TARGET").unwrap_or_default();
    if name == "list" {
        rtc_fuzz::TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    rtc_fuzz::target(&name).unwrap_or_else(|| {
        let names: Vec<_> = rtc_fuzz::TARGETS.iter().map(|target| target.name).collect();
        eprintln!("there is no target {name:?}; there are: {}", names.join(" "));
        std::process::exit(2)
    })
});

fn write_seeds() {
    LazyLock::force(&TARGET);
    let Ok(folder) = std::env::var("RTC_FUZZ_SEEDS") else {
        return;
    };
    for (n, seed) in (TARGET.seeds)().into_iter().enumerate() {
        let path = std::path::Path::new(&folder).join(format!("seed-{n}"));
        std::fs::write(path, seed).expect("the folder of the seeds can be written to");
    }
}

libfuzzer_sys::fuzz_target!(init: write_seeds(), |data: &[u8]| (TARGET.run)(data));

//! stub
/// stub
#[derive(Debug)]
pub struct LoopChannel;
/// stub
pub fn pair() {}

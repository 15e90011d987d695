// SPDX-License-Identifier: Apache-2.0
@main struct BlinkerApp { static func main() {} }

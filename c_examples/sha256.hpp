// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), so that the examples need no crypto library.
// Plain and short, not tuned. sha256::works() checks it against the published test vectors.
#ifndef SHA256_HPP
#define SHA256_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sha256 {

using Digest = std::array<std::uint8_t, 32>;

/// A hash under way. Cheap to copy, which is how Hmac starts each message with the key done.
class Hasher {
  public:
    void update(std::string_view bytes) noexcept {
        for (const char byte : bytes) put(static_cast<std::uint8_t>(byte));
    }

    Digest finish() noexcept {
        const std::uint64_t bits = length_ * 8;
        put(0x80);
        while (length_ % 64 != 56) put(0);
        for (int shift = 56; shift >= 0; shift -= 8) put(static_cast<std::uint8_t>(bits >> shift));
        Digest digest{};
        for (std::size_t i = 0; i < digest.size(); ++i) {
            digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - i % 4 * 8));
        }
        return digest;
    }

    void put(std::uint8_t byte) noexcept {
        block_[length_++ % 64] = byte;
        if (length_ % 64 == 0) compress();
    }

  private:
    static constexpr std::uint32_t rotate(std::uint32_t x, unsigned by) noexcept {
        return x >> by | x << (32 - by);
    }

    void compress() noexcept;

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> block_{};
    std::uint64_t length_ = 0;
};

inline void Hasher::compress() noexcept {
    static constexpr std::uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    std::uint32_t w[64];
    for (std::size_t i = 0; i < 16; ++i) {
        const std::uint8_t* b = &block_[i * 4];
        w[i] =
            std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
    }
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        const std::uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
        const std::uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += sums[i];
}

/// HMAC with one key for many messages: what depends on the key alone is hashed once.
class Hmac {
  public:
    explicit Hmac(std::string_view key) noexcept {
        std::array<std::uint8_t, 64> block{};
        if (key.size() > block.size()) {
            Hasher hasher;
            hasher.update(key);
            const Digest digest = hasher.finish();
            for (std::size_t i = 0; i < digest.size(); ++i) block[i] = digest[i];
        } else {
            for (std::size_t i = 0; i < key.size(); ++i) {
                block[i] = static_cast<std::uint8_t>(key[i]);
            }
        }
        for (const std::uint8_t byte : block) {
            inner_.put(byte ^ 0x36);
            outer_.put(byte ^ 0x5c);
        }
    }

    Digest sign(std::string_view message) const noexcept {
        Hasher inner = inner_;
        inner.update(message);
        Hasher outer = outer_;
        for (const std::uint8_t byte : inner.finish()) outer.put(byte);
        return outer.finish();
    }

  private:
    Hasher inner_;
    Hasher outer_;
};

constexpr std::size_t hex_length = 64;

/// Writes a digest as 64 hexadecimal digits, without a zero byte behind them.
inline void write_hex(const Digest& digest, char* out) noexcept {
    for (const std::uint8_t byte : digest) {
        *out++ = "0123456789abcdef"[byte >> 4];
        *out++ = "0123456789abcdef"[byte & 15];
    }
}

/// Checks against FIPS 180-4 ("abc"), RFC 4231 (cases 2 and 6), and a message of two blocks.
inline bool works() noexcept {
    const auto is = [](const Digest& digest, std::string_view expected) {
        char hex[hex_length];
        write_hex(digest, hex);
        return std::string_view(hex, hex_length) == expected;
    };
    const auto hash = [](std::string_view message) {
        Hasher hasher;
        hasher.update(message);
        return hasher.finish();
    };
    char long_key[131];
    for (char& byte : long_key) byte = '\xaa';
    return is(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") &&
           is(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") &&
           is(Hmac("Jefe").sign("what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843") &&
           is(Hmac({long_key, sizeof long_key})
                  .sign("Test Using Larger Than Block-Size Key - Hash Key First"),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace sha256

#endif  // SHA256_HPP

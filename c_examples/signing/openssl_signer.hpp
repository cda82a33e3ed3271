// HMAC-SHA-256 and Ed25519 with OpenSSL (1.1.1 or newer).
//
// A key is set up once; each message then costs one call. Threads: one at a time for each key.
#ifndef OPENSSL_SIGNER_HPP
#define OPENSSL_SIGNER_HPP

#include "signer.hpp"

#include <memory>
#include <openssl/evp.h>
#include <stdexcept>

namespace signing {

inline constexpr const char* library = "OpenSSL";

namespace detail {

inline void must(bool done) {
    if (!done) throw std::runtime_error("OpenSSL refused a key or a message");
}

struct Free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

/// A key of OpenSSL, whose kind says what a signature is.
inline Key key(int kind, std::string_view secret) {
    Key made(EVP_PKEY_new_raw_private_key(kind, nullptr, bytes(secret), secret.size()));
    must(made != nullptr);
    return made;
}

/// A context in which a key is set up.
inline Context context(const Key& key, const EVP_MD* digest) {
    Context made(EVP_MD_CTX_new());
    must(made != nullptr &&
         EVP_DigestSignInit(made.get(), nullptr, digest, nullptr, key.get()) == 1);
    return made;
}

/// Signs one message. What depends on the key alone is copied, not done again.
template <std::size_t N>
std::array<std::uint8_t, N> sign(const Context& ready, const Context& scratch,
                                 std::string_view message) {
    std::array<std::uint8_t, N> out{};
    std::size_t size = out.size();
    must(EVP_MD_CTX_copy_ex(scratch.get(), ready.get()) == 1 &&
         EVP_DigestSign(scratch.get(), out.data(), &size, bytes(message), message.size()) == 1 &&
         size == out.size());
    return out;
}

}  // namespace detail

/// HMAC-SHA-256 (RFC 2104) with one secret.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view secret)
        : key_(detail::key(EVP_PKEY_HMAC, secret)),
          ready_(detail::context(key_, EVP_sha256())),
          scratch_(EVP_MD_CTX_new()) {}

    std::array<std::uint8_t, 32> sign(std::string_view message) const {
        return detail::sign<32>(ready_, scratch_, message);
    }

  private:
    detail::Key key_;
    detail::Context ready_, scratch_;
};

/// Ed25519 (RFC 8032) with one private key of 32 bytes, the seed.
class Ed25519 {
  public:
    explicit Ed25519(std::string_view seed)
        : key_(detail::key(EVP_PKEY_ED25519, seed)),
          ready_(detail::context(key_, nullptr)),
          scratch_(EVP_MD_CTX_new()) {}

    /// What the venue gets, once, to check the signatures.
    std::array<std::uint8_t, 32> public_key() const {
        std::array<std::uint8_t, 32> out{};
        std::size_t size = out.size();
        detail::must(EVP_PKEY_get_raw_public_key(key_.get(), out.data(), &size) == 1);
        return out;
    }
    std::array<std::uint8_t, 64> sign(std::string_view message) const {
        return detail::sign<64>(ready_, scratch_, message);
    }

  private:
    detail::Key key_;
    detail::Context ready_, scratch_;
};

/// Writes the 64 bytes of a signature in base64.
inline std::string base64(const std::array<std::uint8_t, 64>& signature) {
    // 4 characters for 3 bytes, and a zero byte behind them.
    unsigned char text[4 * ((64 + 2) / 3) + 1];
    const int length = EVP_EncodeBlock(text, signature.data(), 64);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(length)};
}

}  // namespace signing

#endif  // OPENSSL_SIGNER_HPP

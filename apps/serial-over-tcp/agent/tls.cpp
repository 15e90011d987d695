// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace opendext::serial_tcp {
namespace {

/// What one record holds.
constexpr size_t kRecord = 16 * 1024;

/// What OpenSSL says about a failure, without its numbers.
std::string reason_of(unsigned long code) {
    if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
    const char* text = ERR_reason_error_string(code);
    return text != nullptr ? text : "error " + std::to_string(code);
}

/// The first of the errors that one failure left is its cause.
std::string last_reason() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    return code == 0 ? "unknown failure" : reason_of(code);
}

Error bad_file(const char* option, const std::string& file) {
    return Error{Errc::invalid, 0, std::string(option) + " " + file + ": " + last_reason()};
}

bool is_address(const std::string& name) {
    unsigned char buffer[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, name.c_str(), buffer) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

/// A key with a passphrase is refused: nobody is there to type it.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

class TlsTransport final : public Transport {
  public:
    TlsTransport(int socket, const TlsContext& context)
        : ssl_(SSL_new(context.get()), &SSL_free), name_(context.name()) {
        if (!ssl_) return;
        bool ready = SSL_set_fd(ssl_.get(), socket) == 1;
        if (context.role() == TlsContext::Role::listen) {
            SSL_set_accept_state(ssl_.get());
        } else {
            SSL_set_connect_state(ssl_.get());
            ready = ready && expect_name();
        }
        if (!ready) ssl_.reset();
    }
    ~TlsTransport() override {
        // Says good-bye if that goes at once; nobody waits for the answer.
        if (ssl_ && !failed_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }

    Moved handshake() override {
        if (!ssl_) return over("TLS: " + last_reason());
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl_.get());
        if (result == 1) {
            wants_ = 0;
            return Moved::some(0);
        }
        return outcome(result, wants_, POLLIN);
    }

    Moved send(std::span<const iovec> bytes) override {
        if (Moved flushed = flush(); !flushed.moved()) return flushed;
        size_t taken = 0;
        for (const iovec& piece : bytes) {
            const auto* at = static_cast<const char*>(piece.iov_base);
            for (size_t left = piece.iov_len; left > 0;) {
                const size_t count = std::min(left, kRecord);
                size_t written = 0;
                Moved moved = write(at, count, written);
                if (moved.gone()) return moved;
                if (moved.blocked()) {
                    // A record that was begun has to be ended with the same bytes: they are kept.
                    unsent_.assign(at, at + count);
                    return Moved::some(taken + count);
                }
                taken += written;
                at += written;
                left -= written;
            }
        }
        return Moved::some(taken);
    }

    Moved flush() override {
        while (!unsent_.empty()) {
            size_t written = 0;
            Moved moved = write(unsent_.data(), unsent_.size(), written);
            if (!moved.moved()) return moved;
            unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(written));
        }
        return Moved::some(0);
    }

    Moved receive(std::span<const iovec> room) override {
        size_t taken = 0;
        for (const iovec& piece : room) {
            for (size_t at = 0; at < piece.iov_len;) {
                ERR_clear_error();
                size_t got = 0;
                const int result = SSL_read_ex(ssl_.get(), static_cast<char*>(piece.iov_base) + at,
                                               piece.iov_len - at, &got);
                if (result == 1) {
                    receive_wants_ = 0;
                    at += got;
                    taken += got;
                    continue;
                }
                // An end is told when what came before it has been taken.
                Moved moved = outcome(result, receive_wants_, POLLIN);
                return taken > 0 ? Moved::some(taken) : moved;
            }
        }
        return Moved::some(taken);
    }

    [[nodiscard]] short events(bool receive, bool send) const override {
        short events = wants_;
        if (receive) events |= receive_wants_ != 0 ? receive_wants_ : POLLIN;
        if (send || !unsent_.empty()) events |= send_wants_ != 0 ? send_wants_ : POLLOUT;
        return events;
    }
    [[nodiscard]] bool buffered() const override {
        return ssl_ && (SSL_has_pending(ssl_.get()) == 1 && receive_wants_ == 0);
    }

  private:
    bool expect_name() {
        if (is_address(name_))
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name_.c_str()) == 1;
        return SSL_set1_host(ssl_.get(), name_.c_str()) == 1 &&
               SSL_set_tlsext_host_name(ssl_.get(), name_.c_str()) == 1;
    }

    Moved over(std::string reason) {
        failed_ = true;
        return Moved::over(std::move(reason));
    }

    Moved write(const char* bytes, size_t count, size_t& written) {
        ERR_clear_error();
        const int result = SSL_write_ex(ssl_.get(), bytes, count, &written);
        if (result == 1) {
            send_wants_ = 0;
            return Moved::some(written);
        }
        return outcome(result, send_wants_, POLLOUT);
    }

    /// Why a call did not succeed; `wants` is what has to be polled for before the next try.
    Moved outcome(int result, short& wants, short usual) {
        switch (SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ:
                wants = POLLIN;
                return Moved::block();
            case SSL_ERROR_WANT_WRITE:
                wants = POLLOUT;
                return Moved::block();
            case SSL_ERROR_SSL:
                wants = usual;
                return over(explain());
            default:
                wants = usual;
                ERR_clear_error();
                return over(SSL_is_init_finished(ssl_.get()) == 1
                                ? kPeerGone
                                : "TLS: the peer closed during the handshake");
        }
    }

    [[nodiscard]] std::string explain() const {
        const unsigned long code = ERR_peek_last_error();
        const long verdict = SSL_get_verify_result(ssl_.get());
        ERR_clear_error();
        switch (ERR_GET_REASON(code)) {
            case SSL_R_CERTIFICATE_VERIFY_FAILED:
                break;
            case SSL_R_WRONG_VERSION_NUMBER:
            case SSL_R_HTTP_REQUEST:
            case SSL_R_PACKET_LENGTH_TOO_LONG:
                return "TLS: the peer does not speak TLS";
            case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
                return "TLS: the caller has no certificate";
            default:
                return "TLS: " + reason_of(code);
        }
        switch (verdict) {
            case X509_V_ERR_HOSTNAME_MISMATCH:
            case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return "TLS: the certificate is not for " + name_;
            case X509_V_ERR_CERT_HAS_EXPIRED:
                return "TLS: the certificate has expired";
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
            case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
                return "TLS: the certificate is of an unknown CA";
            default:
                return std::string("TLS: certificate: ") + X509_verify_cert_error_string(verdict);
        }
    }

    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    const std::string name_;
    bool failed_ = false;
    short wants_ = 0;          ///< the handshake waits for this
    short receive_wants_ = 0;  ///< 0: nothing unusual
    short send_wants_ = 0;
    std::vector<char> unsent_;  ///< taken, and not sent
};

Status use_certificate(SSL_CTX* context, const TlsOptions& options) {
    if (options.certificate.empty() != options.key.empty())
        return Error{Errc::invalid, 0, "--tls-cert and --tls-key go together"};
    if (options.certificate.empty()) return success();
    SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1)
        return bad_file("--tls-cert", options.certificate);
    if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return bad_file("--tls-key", options.key);
    return success();
}

}  // namespace

TlsContext::TlsContext(Role role, std::string name)
    : role_(role), name_(std::move(name)), context_(SSL_CTX_new(TLS_method()), &SSL_CTX_free) {}

Result<std::shared_ptr<TlsContext>> TlsContext::make(const TlsOptions& options, Role role,
                                                     const std::string& host) {
    const bool listens = role == Role::listen;
    const std::string name = listens || !options.name.empty() ? options.name : host;
    const auto refuse = [](const char* what) { return Error{Errc::invalid, 0, what}; };
    if (listens && options.certificate.empty())
        return refuse("--tls with --listen needs --tls-cert FILE and --tls-key FILE");
    if (listens && !(options.ca.empty() && options.name.empty()))
        return refuse(
            "--tls-ca and --tls-name are for --connect; to check callers use "
            "--tls-client-ca FILE");
    if (!listens && !options.client_ca.empty())
        return refuse("--tls-client-ca is for --listen; to check the peer use --tls-ca FILE");
    if (!listens && name.empty())
        return refuse("--tls needs a host to check the certificate for: give --tls-name NAME");

    const std::shared_ptr<TlsContext> made(new TlsContext(role, name));
    SSL_CTX* context = made->get();
    if (context == nullptr) return Error{Errc::invalid, 0, "TLS: " + last_reason()};
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    // The link's own protocols know where they end; no session is ever resumed.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    OD_TRY(use_certificate(context, options));
    const std::string& trusted = listens ? options.client_ca : options.ca;
    if (!trusted.empty()) {
        if (SSL_CTX_load_verify_locations(context, trusted.c_str(), nullptr) != 1)
            return bad_file(listens ? "--tls-client-ca" : "--tls-ca", trusted);
    } else if (!listens && SSL_CTX_set_default_verify_paths(context) != 1) {
        return Error{Errc::invalid, 0, "the system's CAs: " + last_reason()};
    }
    if (!listens) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    } else if (!trusted.empty()) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(trusted.c_str()));
    }
    return made;
}

std::unique_ptr<Transport> make_tls_transport(int socket, const TlsContext& context) {
    return std::make_unique<TlsTransport>(socket, context);
}

}  // namespace opendext::serial_tcp

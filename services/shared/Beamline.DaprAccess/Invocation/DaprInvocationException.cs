using System.Net;

namespace Beamline.DaprAccess;

/// <summary>Where an invocation failed.</summary>
public enum DaprInvocationFailure
{
    /// <summary>The own sidecar did not take the call: nothing has run.</summary>
    SidecarUnreachable,

    /// <summary>The sidecar knows no such app: nothing has run.</summary>
    AppNotFound,

    /// <summary>The app or its sidecar is down, or went down during the call: it may have run.</summary>
    AppUnreachable,

    /// <summary>A circuit breaker of the resiliency policy is open: nothing has run.</summary>
    CircuitOpen,

    /// <summary>A time-out of the resiliency policy: it may have run.</summary>
    TimedOut,

    /// <summary>The request is larger than the sidecar takes: nothing has run.</summary>
    RequestTooLarge,

    /// <summary>The callee itself answered with an error status.</summary>
    CalleeAnswered,

    /// <summary>The callee answered 2xx, with a body that cannot be read.</summary>
    InvalidAnswer,
}

/// <summary>An invocation without the answer that was asked for. <see cref="Failure"/> says at which stage.</summary>
public sealed class DaprInvocationException : DaprException
{
    internal DaprInvocationException(
        DaprInvocationFailure failure, string appId, string methodName, string text,
        HttpStatusCode? statusCode = null, string? errorCode = null, Exception? innerException = null)
        : base($"invoke {appId}/{methodName}: {failure}: {text}", statusCode, errorCode, innerException)
    {
        Failure = failure;
        AppId = appId;
        MethodName = methodName;
        BodyExcerpt = text;
    }

    public DaprInvocationFailure Failure { get; }

    public string AppId { get; }

    public string MethodName { get; }

    /// <summary>The start of the error's body, or the cause in words where there was no body.</summary>
    public string BodyExcerpt { get; }

    /// <summary>True when the callee certainly did not see the call, so that it may take another way.</summary>
    public bool HasCertainlyNotRun => Failure
        is DaprInvocationFailure.SidecarUnreachable
        or DaprInvocationFailure.AppNotFound
        or DaprInvocationFailure.CircuitOpen
        or DaprInvocationFailure.RequestTooLarge;
}

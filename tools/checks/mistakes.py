"""The mistakes that `make mutants` plants, by module, and the tests that have to notice them."""

# Where the tests of a module are in other files than tests/test_<module>.py.
TESTS = {"diffusion": ("test_diffusion.py", "test_samplers.py")}

# One mutant a line: what is there (once in the file) => what is put in its place.
MUTANTS = {
    "schedules": """
(1 - self.betas >= 1) | (self.betas > 1) => (1 - self.betas > 1) | (self.betas > 1)
(1 - self.betas >= 1) | (self.betas > 1) => (1 - self.betas >= 1) | (self.betas >= 1)
wrong[:-1] |= self.betas[:-1] == 1 => wrong[:-2] |= self.betas[:-2] == 1
wrong.nonzero()[0].item() + 1 => wrong.nonzero()[0].item()
self.alphas = 1 - self.betas => self.alphas = (1 - self.betas).sqrt()
self.alphas.cumprod(0) => self.betas.cumprod(0)
self.alphas.cumprod(0) => 1 - self.betas.cumsum(0)
self.alpha_bars / (1 - self.alpha_bars) => (1 - self.alpha_bars) / self.alpha_bars
self.alpha_bars / (1 - self.alpha_bars) => (self.alpha_bars / (1 - self.alpha_bars)).sqrt()
self.alpha_bars / (1 - self.alpha_bars) => self.alphas / (1 - self.alphas)
start_rate / T if start is None => start_rate / 1000 if start is None
end_rate / T if end is None else end => end_rate / 1000 if end is None else end
if end is None and T < end_rate: => if end is None and T <= end_rate:
torch.cat([alpha_bars.new_ones(1), alpha_bars[:-1]]) => torch.cat([alpha_bars[:1], alpha_bars[:-1]])
return 1 - alpha_bars / torch.cat => return 1 - alpha_bars * torch.cat
sigmas[sigmas > 0].unique() => sigmas[sigmas > 0].sort().values
1 - sigmas if may_be_flow => (1 - sigmas**2).sqrt() if may_be_flow
1 - sigmas if may_be_flow => 1 - sigmas if False
return signal**2 / (signal**2 + sigmas**2) => return signal / (signal + sigmas)
return signal**2 / (signal**2 + sigmas**2) => return sigmas**2 / (signal**2 + sigmas**2)
"linear", T, start, end, 0.1, 20) => "linear", T, start, end, 0.1, 12)
torch.linspace(start, end, T, => torch.linspace(end, start, T,
torch.linspace(start, end, T, dtype=torch.float64), => torch.linspace(start, end, T, dtype=torch.float64) ** 2,
torch.linspace(start, end, T, => torch.linspace(start, end, T + 1,
"scaled_linear", T, start, end, 0.85, 12) => "scaled_linear", T, start, end, 0.1, 12)
start**0.5, end**0.5, T => start, end, T
return cls(roots**2, => return cls(roots,
torch.arange(check_count("T", T) + 1, => torch.arange(check_count("T", T),
0.008) / 1.008 * math.pi => 0.008) * math.pi
* math.pi / 2) ** 2 => * math.pi / 2)
(1 - f[1:] / f[:-1]) => (1 - f[1:] / f[0])
.clamp(max=0.999) => .clamp(max=1.0)
torch.linspace(-6, 6, T => torch.linspace(6, -6, T
torch.linspace(-6, 6, T => torch.linspace(-3, 3, T
start + (end - start) * climb => start + end * climb
dtype=torch.float64).sigmoid() => dtype=torch.float64).tanh()
config.get("use_flow_sigmas", False) => False
(1 - betas).cumprod(0), trained, => (1 - betas).cumprod(0), (1 - betas).cumprod(0),
betas is None or not torch.allclose => betas is None or torch.allclose
if late and getattr(scheduler, "num_inference_steps", 0) is None: => if False:
"stages" in config or config.get("invert_sigmas") => "stages" in config
"stages" in config or config.get("invert_sigmas") => config.get("invert_sigmas")
steps[: len(scheduler.timesteps)] => steps
flow or (trained is None and config.get("sigma_max") is None) => True
(trained is None and config.get("sigma_max") is None) => config.get("sigma_max") is None
.unique()) < len(alpha_bars) => .unique()) < 0
.abs().min() < 1e-4 => .abs().min() < 1
scheduler.config.get("timestep_type") == "continuous" => False
return not fits[ => return False and fits[
2 if hasattr(scheduler, "sigmas_interpol") else 1].all() => 1].all()
_float_table(alpha_bars, "alpha_bars")), name) => _float_table(alpha_bars, "alpha_bars")), "custom")
copy.deepcopy(scheduler), torch => scheduler, torch
_betas_of(1 - noise[noise > 0] ** 2) => _betas_of(1 - noise[noise > 0])
noise / (self.alpha_bars.sqrt() + noise) => noise / (self.alpha_bars.sqrt() - noise)
noise / (self.alpha_bars.sqrt() + noise) => noise
torch.arange(1, check_count("T", T) + 1, dtype => torch.arange(0, check_count("T", T), dtype
shift_times(u, shift) => u
shift * t / (1 + (shift - 1) * t) => t / (shift + (1 - shift) * t)
shift * t / (1 + (shift - 1) * t) => t
(1 + (shift - 1) * t) => (1 + shift * t)
_alpha_bars_of(sigma, True) => _alpha_bars_of(sigma, False)
root = self.alpha_bars.sqrt() => root = self.alpha_bars
(root - root[-1]) * root[0] => root * root[0]
* root[0] / (root[0] - root[-1]) => / (root[0] - root[-1])
(_betas_of(root**2), => (_betas_of(root),
""",
    "diffusion": """
(t < lowest) | (t > len(schedule)) => (t < lowest - 1) | (t > len(schedule))
(t < lowest) | (t > len(schedule)) => (t < lowest) | (t > len(schedule) + 1)
(t < lowest) | (t > len(schedule)) => (t < lowest) | (t >= len(schedule))
schedule.alpha_bars[t - 1]) => schedule.alpha_bars[t - 2])
schedule.alpha_bars[t - 1]) => schedule.alphas[t - 1])
schedule.alpha_bars[t - 1]) => schedule.betas[t - 1])
torch.where(t == 0, 1.0, => torch.where(t == 0, 0.0,
t - 1 if s is None => t - 2 if s is None
if (s >= t).any(): => if (s > t).any():
return alpha_bar.sqrt().to(x), => return alpha_bar.to(x),
(1 - alpha_bar).sqrt().to(x) => (1 - alpha_bar).to(x)
(1 - alpha_bar).sqrt().to(x) => (1 - alpha_bar.to(x)).sqrt()
schedule.betas[_step(t, schedule, x_prev) - 1] => schedule.betas[_step(t, schedule, x_prev) - 2]
schedule.betas[_step(t, schedule, x_prev) - 1] => 1 - schedule.alpha_bars[_step(t, schedule, x_prev) - 1]
(1 - beta).sqrt().to(x_prev) * x_prev => (1 - beta).to(x_prev) * x_prev
* x_prev + beta.sqrt().to(x_prev) => * x_prev + beta.to(x_prev)
* x_prev + beta.sqrt().to(x_prev) => * x_prev - beta.sqrt().to(x_prev)
return signal * x0 + noise * eps => return signal * x0 - noise * eps
return signal * x0 + noise * eps => return noise * x0 + signal * eps
return signal * x0 + noise * eps => return x0 + noise * eps
return signal * x0 + noise * eps => return signal * x0 + noise**2 * eps
schedule.betas[_step(t, schedule, eps_next) - 1] => schedule.betas[_step(t, schedule, eps_next) - 2]
* eps_next - beta.sqrt().to(eps_next) * eta => * eps_next + beta.sqrt().to(eps_next) * eta
* eps_next - beta.sqrt().to(eps_next) * eta => * eps_next - beta.to(eps_next) * eta
(1 - beta).sqrt().to(eps_next) => (1 - beta).rsqrt().to(eps_next)
signal * eps - noise * x0, => noise * x0 - signal * eps,
signal * eps - noise * x0, => noise * eps - signal * x0,
, -eps / noise  # => , eps / noise  #
, -eps / noise  # => , -eps / noise**2  #
eps = -noise * score => eps = noise * score
eps = -noise * score => eps = -(noise**2) * score
x0, eps = signal * x_t - noise * v => x0, eps = signal * x_t + noise * v
noise * x_t + signal * v => noise * x_t - signal * v
x0 = (x_t - noise * eps) / signal => x0 = (x_t - noise * eps) * signal
x0 = (x_t - noise * eps) / signal => x0 = x_t - noise * eps / signal
eps = (x_t - signal * x0) / noise => eps = (x_t - signal * x0) / noise**2
{"eps", "score"} & given.keys() and (signal == 0) => {"eps", "score"} & given.keys() and (signal < 0)
(x_t - noise * velocity) / => (x_t + noise * velocity) /
(x_t - noise * velocity) / => (x_t - signal * velocity) /
(x_t + signal * velocity) / => (x_t - signal * velocity) /
v, score, eps - x0) => v, score, x0 - eps)
alpha = ab_t / ab_s => alpha = ab_t
ab_s.sqrt() * (1 - alpha) / => ab_t.sqrt() * (1 - alpha) /
ab_s.sqrt() * (1 - alpha) / => ab_s * (1 - alpha) /
alpha.sqrt() * (1 - ab_s) => alpha * (1 - ab_s)
alpha.sqrt() * (1 - ab_s) => alpha.sqrt() * (1 - ab_t)
* x0 + of_x_t.to(x_t) => * x0 - of_x_t.to(x_t)
variance = (1 - ab_s) / (1 - ab_t) * (1 - alpha) => variance = 1 - alpha
variance = (1 - ab_s) / (1 - ab_t) * (1 - alpha) => variance = (1 - ab_t) / (1 - ab_s) * (1 - alpha)
variance = (1 - ab_s) / (1 - ab_t) * (1 - alpha) => variance = ((1 - ab_s) / (1 - ab_t) * (1 - alpha)).sqrt()
ab.sqrt(), ab * std**2 + 1 - ab => ab.sqrt(), std**2 + 1 - ab
ab.sqrt(), ab * std**2 + 1 - ab => ab.sqrt(), ab * std + 1 - ab
ab.sqrt(), ab * std**2 + 1 - ab => ab, ab * std**2 + 1 - ab
(weights.log() - distance => (-distance
weights.log() - distance / (2 * variance) => weights.log() - distance / variance
weights.log() - distance / (2 * variance) => weights - distance / (2 * variance)
- 2 * signal * x @ mu.T => - signal * x @ mu.T
gain = p * signal * std**2 / variance => gain = p * std**2 / variance
gain = p * signal * std**2 / variance => gain = p * signal * std**2
- signal * gain @ mu => + signal * gain @ mu
- target).square().mean() => - target).abs().mean()
- target).square().mean() => - target).square().sum()
_predict(model, x_t, t) - target => _predict(model, x0, t) - target
_predict(model, x_t, t) - target => _predict(model, x_t, torch.as_tensor(t) - 1) - target
eps: Tensor, predicts: str = "eps"\\n => eps: Tensor, predicts: str = "x0"\\n
return uncond + w * (cond - uncond) => return uncond - w * (cond - uncond)
return uncond + w * (cond - uncond) => return cond + w * (cond - uncond)
return uncond + w * (cond - uncond) => return uncond + (w - 1) * (cond - uncond)
(2 * T * k + n) // (2 * n) => (T * k) // n + 1
(2 * T * k + n) // (2 * n) => (2 * T * k + n) // (2 * n) - 1
range(n, 0, -1)] => range(n, 1, -1)]
if not 1 <= n <= T: => if not 0 <= n <= T:
chosen[0] > T or => chosen[0] >= T or
any(s >= t for => any(s > t for
posterior(x_t, x0_hat, t, schedule, s) => posterior(x_t, x0_hat, t, schedule)
posterior(x_t, x0_hat, t, schedule, s) => posterior(x0_hat, x_t, t, schedule, s)
mean + variance.sqrt() * noise => mean + variance * noise
mean + variance.sqrt() * noise => mean - variance.sqrt() * noise
mean + variance.sqrt() * noise => mean
variance = eta**2 * (1 - ab_s) => variance = eta * (1 - ab_s)
(1 - ab_s) / (1 - ab_t) * (1 - ab_t / ab_s) => (1 - ab_t) / (1 - ab_s) * (1 - ab_t / ab_s)
(1 - ab_s) / (1 - ab_t) * (1 - ab_t / ab_s) => (1 - ab_t / ab_s)
(1 - ab_s - variance).clamp(0) => (1 - ab_s + variance).clamp(0)
(1 - ab_s - variance).clamp(0) => (1 - ab_s).clamp(0)
(1 - ab_s - variance).clamp(0) => (1 - ab_s.to(x_t) - variance).clamp(0)
signal, to_x_t = ab_s.sqrt() => signal, to_x_t = ab_t.sqrt()
signal, to_x_t = ab_s.sqrt() => signal, to_x_t = ab_s
eps_hat + variance.sqrt().to(x_t) => eps_hat + variance.to(x_t)
* eps_hat + variance => * eps_hat - variance
x0_hat + to_x_t * eps_hat => x0_hat - to_x_t * eps_hat
if s > 0 else torch.zeros_like(x_t) => if s > 1 else torch.zeros_like(x_t)
ddpm_step(x_t, x0_hat, t, s, schedule, noise)\\n => ddim_step(x_t, x0_hat, t, s, schedule, noise)\\n
return ddpm_step(x_t, x0_hat, t, s, schedule => return ddpm_step(x_t, x_t, t, s, schedule
if eta > 0 else None, eta) => if eta > 0 else None)
if eta > 0:\\n => if eta > 1:\\n
if eta > 0 else None, eta) => if eta > 0 else None, eta**2)
return ddim_step(x_t, x0_hat, t, s, => return ddim_step(x_t, x0_hat, t, t - 1,
torch.randn(x.shape, => torch.rand(x.shape,
torch.randn(x.shape, generator=generator, => torch.randn(x.shape,
pairwise([*chosen, 0]) => pairwise([*chosen, 1])
{predicts: _predict(model, x_t, t)} => {"eps": _predict(model, x_t, t)}
yield t, x_t, x0_hat => yield s, x_t, x0_hat
yield 0, x_t, x_t => yield 0, x_t, x0_hat
@torch.no_grad() => @torch.enable_grad()
""",
    "flow": """
return (1 - t) * x0 + t * eps => return t * x0 + (1 - t) * eps
return (1 - t) * x0 + t * eps => return (1 - t) * x0 + t.sqrt() * eps
- (eps - x0)).square().mean() => - (x0 - eps)).square().mean()
- (eps - x0)).square().mean() => - (eps - x0)).abs().mean()
- (eps - x0)).square().mean() => - (eps - x0)).square().sum()
NoiseSchedule.flow(steps, shift) => NoiseSchedule.flow(steps)
.flow_times.flip(0).tolist() => .flow_times.tolist()
if not chosen or not 0 < chosen[-1] => if not chosen or not 0 <= chosen[-1]
chosen[0] <= 1 or any(s >= t for => chosen[0] <= 1 or any(s > t for
pairwise([*chosen, 0.0]) => pairwise([*chosen, 0.1])
x_t - t * velocity\\n => x_t + t * velocity\\n
_velocity(model, x_t + (s - t) * velocity, s) => _velocity(model, x_t + (s - t) * velocity, t)
_velocity(model, x_t + (s - t) * velocity, s) => _velocity(model, x_t, s)
velocity = (velocity + there) / 2 => velocity = there
x_t = x_t + (s - t) * velocity => x_t = x_t + (t - s) * velocity
@torch.no_grad() => @torch.enable_grad()
if not ((t >= 0) & (t <= 1)).all(): => if not (t >= 0).all():
""",
    "gan": """
softplus(-real).mean() + => softplus(real).mean() +
softplus(-real).mean() + => softplus(-real).sum() +
softplus(-real).mean() + => -real.sigmoid().log().mean() +
+ softplus(fake).mean() => + softplus(-fake).mean()
+ softplus(fake).mean() => - softplus(fake).mean()
+ softplus(fake).mean() => + softplus(fake).sum()
return -softplus(fake).mean() => return softplus(fake).mean()
return -softplus(fake).mean() => return -softplus(-fake).mean()
return softplus(-fake).mean() => return softplus(fake).mean()
return softplus(-fake).mean() => return -softplus(-fake).mean()
return softplus(-fake).mean() => return softplus(-fake).sum()
if kind == "minimax": => if kind != "minimax":
fake = generator(z) => fake = generator(z_next)
discriminator(x), discriminator(fake), kind) => discriminator(z), discriminator(fake), kind)
discriminator(x), discriminator(fake), kind) => discriminator(x), discriminator(fake))
return fake.mean() - real.mean() => return real.mean() - fake.mean()
return -fake.mean() => return fake.mean()
d_loss + penalty(discriminator, x, fake) => d_loss - penalty(discriminator, x, fake)
inputs=list(generator.parameters()) => inputs=list(discriminator.parameters())
.square().sum(1).mean() / 2 => .square().mean() / 2
.square().sum(1).mean() / 2 => .norm(dim=1).mean() / 2
.square().sum(1).mean() / 2 => .square().sum(1).mean()
torch.lerp(fake.detach(), x, share) => x
create_graph=True => create_graph=False
lengths - slope => lengths - 1
discriminator_loss(discriminator(x) => discriminator_loss(-discriminator(x)
discriminator_optimizer.zero_grad() => pass
generator_optimizer.zero_grad() => pass
discriminator_optimizer.step() => pass
generator_optimizer.step() => pass
generator(z_next)), kind) => generator(z)), kind)
generator(z_next)), kind) => generator(z_next)))
return d_loss.item(), g_loss.item() => return g_loss.item(), d_loss.item()
""",
    "plots": """
lambda s: s.betas) => lambda s: s.alphas)
lambda s: s.alpha_bars) => lambda s: s.alpha_bars.sqrt())
s.snr.log().masked_fill => s.snr.log10().masked_fill
masked_fill(s.snr == 0, torch.nan) => masked_fill(s.snr == 0, -1.0)
np.arange(1, len(s) + 1) => np.arange(len(s))
betas.max() > 500 * betas.min() => betas.max() > 50 * betas.min()
""",
}
